/** Why a WebSocket is closed from here. Codes are stable: clients lean on them. 1009 is said by the library, of too long a message. */
export const closeCodes = {
  going_away: { code: 1001, reason: 'this process is stopping: connect again, with last_event_id' },
  streams_exhausted: { code: 1013, reason: 'this process has no place left: try again later, or another one' },
  message_invalid: { code: 4400, reason: 'not JSON text, or too many wrong messages' },
  key_unknown: { code: 4401, reason: 'the API key was revoked' },
  listener_slow: { code: 4408, reason: 'too little was read: connect again, with last_event_id' },
  too_many_messages: { code: 4429, reason: 'too many messages wait for their answers' },
} as const;

export type CloseReason = keyof typeof closeCodes;
