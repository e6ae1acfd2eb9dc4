/** Live progress: what listeners ask for. */
import { z } from 'zod';
import { isStreamId } from '../../runtime/index.ts';
import { uuid } from './common.ts';

const maxUserChars = 200;

/** The caller's own name of one of its users. */
export const userId = z
  .string({ error: 'expected a text' })
  .min(1, { error: 'must not be empty' })
  .max(maxUserChars, { error: `must have at most ${maxUserChars} characters` })
  .refine((id) => !id.includes('\u0000') && id.isWellFormed(), { error: 'must be text without U+0000' });

export const lastEventId = z
  .string()
  .refine((id) => id === 'end' || isStreamId(id), { error: 'expected the id of an event, like 1763733600000-0' })
  .optional()
  .meta({
    description: 'As the header `Last-Event-ID`, for clients that cannot send one: the id of the last event heard.',
  });

export const eventsQuery = z.strictObject({
  user_id: userId.optional().meta({ description: 'Only tasks of this user (`options.user_id` of a task).' }),
  tenant_id: uuid.optional().meta({ description: "The key's own tenant; of another one 404." }),
  last_event_id: lastEventId,
});

const subscriptionId = z.string({ error: 'expected a text of your own' }).min(1).max(64);

/** What a WebSocket may say. */
export const clientMessage = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('subscribe'),
      id: subscriptionId,
      task_id: uuid.optional(),
      user_id: userId.optional(),
      tenant_id: uuid.optional(),
      last_event_id: z.string().refine(isStreamId, { error: 'expected the id of an event' }).optional(),
    })
    .refine((message) => message.task_id === undefined || message.user_id === undefined, {
      path: ['user_id'],
      error: 'give either task_id or user_id, not both',
    }),
  z.strictObject({ type: z.literal('unsubscribe'), id: subscriptionId }),
]);
export type ClientMessage = z.output<typeof clientMessage>;
