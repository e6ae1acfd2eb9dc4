/** Reasons as answers. */
import { type TaskWhy, type Why, whyReasons } from '../../runtime/index.ts';
import type { OneTaskWhyJson, WhyAnswerJson, WhyReasonJson } from '../types/why.ts';

const reasonJson = ({ code, sentence, mend, details }: Omit<Why, 'also'>): WhyReasonJson => ({
  code,
  kind: whyReasons[code],
  sentence,
  mend: mend ?? null,
  details,
});

export const whyJson = (why: Why): WhyAnswerJson => ({ ...reasonJson(why), also: why.also.map(reasonJson) });

export const taskWhyJson = ({ task, why }: TaskWhy): OneTaskWhyJson => ({
  task_id: task.id,
  task: task.task,
  queue: task.queue,
  status: task.status,
  ...whyJson(why),
});
