/** The log of a process, as its configuration wants it. */
import type { Config } from '../config/config.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';

/** @throws StartError `log_file_unwritable` */
export const openLog = ({ logLevel, logFile }: Config): Logger =>
  createLogger({ level: logLevel, plain: process.stdout.isTTY, file: logFile });
