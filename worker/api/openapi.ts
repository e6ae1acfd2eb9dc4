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

const reference = (id: string) => `"#/components/schemas/${id}"`;

/**
 * Drops components that no call leads to: each schema is there for input and for output, and is used as one. What is used for input
 * only loses the ending that tells it from its twin.
 */
function withoutUnused<D extends object>(document: D): D {
  const { components: parts } = document as { components?: { schemas?: Record<string, unknown> } };
  const all = Object.entries(parts?.schemas ?? {});
  const left = new Map(all);
  const used = new Set<string>();
  // from call to component to component: one that contains itself is not used by that alone
  for (let texts = [JSON.stringify({ ...document, components: undefined })]; texts.length > 0; ) {
    const found = [...left].filter(([id]) => texts.some((text) => text.includes(reference(id))));
    for (const [id] of found) {
      used.add(id);
      left.delete(id);
    }
    texts = found.map(([, schema]) => JSON.stringify(schema));
  }
  const schemas = Object.fromEntries(all.filter(([id]) => used.has(id)));
  let text = JSON.stringify({ ...document, components: { ...parts, schemas } });
  for (const id of used) {
    const plain = id.replace(/Input$/, '');
    if (plain === id || used.has(plain)) continue;
    text = text.replaceAll(reference(id), reference(plain)).replace(`"${id}":`, `"${plain}":`);
  }
  return JSON.parse(text);
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
