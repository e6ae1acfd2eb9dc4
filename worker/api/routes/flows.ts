/** Flows: tasks that wait for one another, sent, looked at and cancelled as one. */
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { cancelFlow, type Flow, FlowError, publishStates, readFlow } from '../../runtime/index.ts';
import { ApiError, fieldsInvalid, flowNotFound, summaryOf } from '../problems/api-error.ts';
import { zodFieldErrors } from '../problems/field-errors.ts';
import { problems, uuid } from '../schemas/common.ts';
import { acceptedFlowSchema, cancelledFlowSchema, flowRequestSchema, flowSchema } from '../schemas/flow.ts';
import { userId as userIdSchema } from '../schemas/live.ts';
import { surely } from '../surely.ts';
import { flowJson } from '../views/flow.ts';
import { readFlowBody } from './flow-body.ts';
import type { Routes } from './route.ts';

/** A thousand tasks of usual size. */
const flowBodyBytes = 32 * 1024 * 1024;

/** The body but for its flow, which is read by hand: a schema that contains itself could be sent deeper than the stack is. */
const envelopeSchema = z.strictObject({
  flow: z.unknown(),
  flow_id: uuid.optional(),
  user_id: userIdSchema.optional(),
});

function readBody(body: unknown): { flow: Flow; flowId: string | undefined; userId: string | undefined } {
  const parsed = envelopeSchema.safeParse(body);
  if (!parsed.success) throw fieldsInvalid(zodFieldErrors(parsed.error));
  const { flow, flow_id: flowId, user_id } = parsed.data;
  return { flow: readFlowBody(flow), flowId: flowId?.toLowerCase(), userId: user_id };
}

function told(error: unknown): unknown {
  if (!(error instanceof FlowError)) return error;
  const errors = error.issues.map(({ field, message }) => ({
    field: field === 'flow_id' ? field : ['flow', field].filter(Boolean).join('.'),
    message,
  }));
  return new ApiError({ code: error.code, message: summaryOf(errors), errors, cause: error });
}

export const flowRoutes: Routes =
  ({ db, enqueuer, live, log }) =>
  async (app) => {
    const params = z.object({ flow_id: uuid });

    app.post(
      '/flows',
      {
        bodyLimit: flowBodyBytes,
        validatorCompiler: () => (value: unknown) => ({ value }),
        schema: {
          tags: ['flows'],
          summary: 'Send tasks that wait for one another, all or none',
          description:
            '202: all of them are committed in Postgres. A task starts when all before it have completed; when one of them ends otherwise, it is ' +
            'cancelled. `eta`, `unique_key` and `durable: false` are not taken; `countdown` runs from the moment a task is free to start.',
          body: flowRequestSchema,
          response: { 202: acceptedFlowSchema, ...problems(400, 409, 413, 415) },
        },
      },
      async (request, reply) => {
        const { tenantId } = request;
        const { flow, flowId = uuidv7(), userId } = readBody(request.body);
        try {
          // the same id each time: sent again, because nobody knows whether it was taken, it is taken once
          const accepted = await surely(() => enqueuer.flow({ tenantId, userId, flowId }, flow));
          return reply.code(202).send({ flow_id: accepted.flowId, tasks: accepted.tasks });
        } catch (error) {
          throw told(error);
        }
      },
    );

    app.get(
      '/flows/:flow_id',
      {
        schema: {
          tags: ['flows'],
          summary: 'A flow with its tasks, by state and in order',
          params,
          response: { 200: flowSchema, ...problems(400, 404) },
        },
      },
      async ({ tenantId, params: { flow_id: id } }) => {
        const flow = await readFlow(db, tenantId, id);
        if (!flow) throw flowNotFound(id);
        return flowJson(flow);
      },
    );

    app.delete(
      '/flows/:flow_id',
      {
        schema: {
          tags: ['flows'],
          summary: 'Cancel all of a flow that has not ended',
          params,
          response: { 202: cancelledFlowSchema, ...problems(400, 404, 409) },
        },
      },
      async ({ tenantId, params: { flow_id: id } }, reply) => {
        const cancelled = await cancelFlow(db, tenantId, id, 'Its flow was cancelled through the API.');
        if (cancelled === undefined) throw flowNotFound(id);
        if (cancelled.length > 0) {
          void publishStates({ live, db, log }, cancelled);
          return reply.code(202).send({ flow_id: id, cancelled: cancelled.length });
        }
        throw new ApiError({ code: 'flow_finished', message: `All tasks of the flow ${id} have ended already.` });
      },
    );
  };
