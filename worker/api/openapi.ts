/** /openapi.json, from the schemas that requests are checked by. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { z } from 'zod';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a form holds that is read part by part, and so checked by no schema of the route. */
    form?: z.ZodType;
  }
}

const description = `Background work on Redis and Postgres. 202 means that a task is committed and will run.
Errors are application/problem+json with a stable \`code\`. A 503 says whether anything was accepted.`;

/** Drops components that nothing refers to: each schema is there for input and for output, and is used as one. */
function withoutUnused<D extends object>(document: D): D {
  const text = JSON.stringify(document);
  const { components: parts } = document as { components?: { schemas?: Record<string, unknown> } };
  const schemas = parts?.schemas ?? {};
  const used = Object.entries(schemas).filter(([id]) => text.includes(`"#/components/schemas/${id}"`));
  return { ...document, components: { ...parts, schemas: Object.fromEntries(used) } };
}

export async function installOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Millrace', version, description },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key.' } } },
      security: [{ key: [] }],
    },
    transform: (route) => {
      const form = route.route.config?.form;
      return jsonSchemaTransform(form && route.schema ? { ...route, schema: { ...route.schema, body: form } } : route);
    },
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  });
}

/** Call it after all routes; the document is made once. */
export function serveOpenApi(app: FastifyInstance): void {
  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(app.swagger());
    return reply.type('application/json; charset=utf-8').send(text);
  });
}
