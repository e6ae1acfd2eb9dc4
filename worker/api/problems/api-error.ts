/** What routes throw. */
import { MillraceError } from '../../errors.ts';
import type { ProblemCode } from './catalogue.ts';

export interface FieldError {
  /** As `options.priority` or `tasks.3.payload.ms`; empty for the body as a whole. */
  readonly field: string;
  readonly message: string;
}

interface ApiErrorDetail {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string;
  readonly errors?: readonly FieldError[];
  readonly cause?: unknown;
}

export class ApiError extends MillraceError {
  override readonly name = 'ApiError';
  declare readonly code: ProblemCode;
  readonly errors: readonly FieldError[] | undefined;

  constructor({ errors, ...detail }: ApiErrorDetail) {
    super(detail);
    this.errors = errors;
  }
}

export const fieldsInvalid = (errors: readonly FieldError[]): ApiError =>
  new ApiError({ code: 'request_invalid', message: summaryOf(errors), errors });

/** All fields in one sentence. */
export const summaryOf = (errors: readonly FieldError[]): string =>
  `${errors.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ')}.`;

export const taskNotFound = (id: string): ApiError =>
  new ApiError({ code: 'task_not_found', message: `There is no task ${id}.` });
export const flowNotFound = (id: string): ApiError =>
  new ApiError({ code: 'flow_not_found', message: `There is no flow ${id}.` });
export const datasetNotFound = (id: string): ApiError =>
  new ApiError({ code: 'dataset_not_found', message: `There is no dataset ${id}.` });
export const documentNotFound = (id: string): ApiError =>
  new ApiError({ code: 'document_not_found', message: `There is no document ${id} in this dataset.` });
