/** Datasets by name, as people know them. */
import type { PageJson } from '../api/types/common.ts';
import type { DatasetJson } from '../api/types/knowledge.ts';
import { CommandError, exitCode } from './exit-codes.ts';
import type { ApiClient } from './http.ts';
import { isId } from './options.ts';

export interface Dataset {
  readonly id: string;
  readonly name: string;
}

const pageSize = 100;

/** @throws CommandError `dataset_not_found` when there is none and none is to be made */
export async function datasetNamed(
  client: ApiClient,
  nameOrId: string,
  { make }: { readonly make: boolean },
): Promise<Dataset> {
  if (isId(nameOrId)) return pick(await client.get<DatasetJson>(`/v1/datasets/${nameOrId}`));
  const names: string[] = [];
  for (let page = 1; ; page += 1) {
    const found = await client.get<PageJson<DatasetJson>>(`/v1/datasets?limit=${pageSize}&page=${page}`);
    const dataset = found.data.find(({ name }) => name === nameOrId);
    if (dataset) return pick(dataset);
    names.push(...found.data.map(({ name }) => name));
    if (!found.has_more) break;
  }
  if (make) return pick(await client.post<DatasetJson>('/v1/datasets', { name: nameOrId }));
  throw new CommandError({
    code: 'dataset_not_found',
    message: `There is no dataset ${nameOrId}.`,
    hint: names.length === 0 ? 'Make one: millrace index FILE' : `There are ${names.slice(0, 20).join(', ')}.`,
    exitCode: exitCode.failed,
  });
}

const pick = ({ id, name }: DatasetJson): Dataset => ({ id, name });
