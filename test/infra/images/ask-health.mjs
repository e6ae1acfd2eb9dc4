/**
 * Run inside the worker image: a server on the health port that answers the status given, and the image's own health
 * check against it. Prints `{exitCode, said}`.
 */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';

const status = Number(process.argv[2]);
const server = createServer((request, response) => {
  response.statusCode = request.url === '/readyz' ? status : 404;
  response.end('because of the database');
});
server.listen(Number(process.env.HEALTH_PORT ?? 9101), '127.0.0.1', () => {
  execFile('millrace-health', (error, said) => {
    console.log(JSON.stringify({ exitCode: error?.code ?? 0, said }));
    process.exit();
  });
});
