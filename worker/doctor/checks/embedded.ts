/** The data folder of the embedded default: free or in use, its database and its private Redis. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Config } from '../../config/config.ts';
import { type RedisTarget, targetsOfOneServer } from '../../config/redis-target.ts';
import { openPglite } from '../../db/index.ts';
import { type DataFolder, openDataFolder } from '../../embedded/data-folder.ts';
import { errorText, MillraceError } from '../../errors.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { faultOf, sentence } from '../causes.ts';
import { isThere, notMadeYet } from '../folders.ts';
import { readMigrationState } from '../postgres-facts.ts';
import { judgeMigrations } from '../postgres-findings.ts';
import { type Checked, failed, fault } from '../report.ts';

const versionMs = 5000;

/** Another process holds the folder: that it runs is the good case. */
const inUse = 'data_folder_locked';

export async function checkDataFolder(config: Config): Promise<Checked> {
  const subject = `data folder ${config.home}`;
  if (!(await isThere(config.home))) return notMadeYet(subject, config.home, 'MILLRACE_HOME');
  let folder: DataFolder;
  try {
    folder = await openDataFolder(config.home, createLogger({ level: 'fatal' }));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (error.code !== inUse) return failed(subject, faultOf(error));
    const holder = (await readFile(join(config.home, 'pid'), 'utf8').catch(() => 'unknown')).trim();
    return {
      subject,
      found: `in use by process ${holder}`,
      facts: { folder: config.home, in_use_by: holder },
      findings: [],
      unseen: config.database ? [] : ['the embedded database: only the process that runs can look into it'],
    };
  }
  try {
    return await lookIntoFolder(subject, config, folder);
  } finally {
    folder.release();
  }
}

async function lookIntoFolder(subject: string, config: Config, folder: DataFolder): Promise<Checked> {
  const facts = { folder: config.home, in_use_by: null };
  if (config.database || !(await isThere(join(folder.database, 'PG_VERSION'))))
    return { subject, found: 'free', facts, findings: [], unseen: [] };
  try {
    const db = await openPglite(folder.database);
    try {
      const migrations = await readMigrationState(db);
      const { wanted, missing } = migrations;
      return {
        subject,
        found: `free, its database has ${wanted - missing.length} of ${wanted} migrations`,
        facts: { ...facts, migrations: { ...migrations } },
        findings: judgeMigrations(migrations, config.migrate, true),
        unseen: [],
      };
    } finally {
      await db.close();
    }
  } catch (error) {
    if (error instanceof MillraceError) return failed(subject, faultOf(error));
    return failed(
      subject,
      fault(
        'database_damaged',
        sentence(`The embedded database in ${folder.database} does not answer: ${errorText(error)}`),
        'Put a copy back, or move pglite out of the data folder and start with an empty database.',
      ),
    );
  }
}

/** The program that a start would run. */
export async function checkRedisProgram(): Promise<Checked> {
  const subject = 'private redis';
  try {
    const { stdout } = await promisify(execFile)('redis-server', ['--version'], { timeout: versionMs });
    const version = /v=(\S+)/.exec(stdout)?.[1] ?? null;
    return { subject, found: `redis-server ${version} is there`, facts: { version }, findings: [], unseen: [] };
  } catch (error) {
    return failed(
      subject,
      fault(
        'redis_missing',
        sentence(`There is no redis-server that can be run: ${errorText(error)}`),
        'Run tools/setup, install the package redis-server, or set REDIS_HOST.',
      ),
    );
  }
}

/** The private Redis, while the process that owns the folder runs it. */
export async function runningPrivateRedis(
  home: string,
): Promise<(RedisTarget & { topology: 'standalone' }) | undefined> {
  const read = (name: string) => readFile(join(home, 'redis', name), 'utf8').catch(() => '');
  const [port, password] = [Number((await read('port')).trim()), (await read('password')).trim()];
  if (!port || !password) return undefined;
  const { broker } = targetsOfOneServer({ host: '127.0.0.1', port, password });
  return broker.topology === 'standalone' ? broker : undefined;
}
