/** `millrace rotate-secrets`: new passwords and certificates for a deployment by compose. */
import type { Register } from '../command-line.ts';

export const registerRotateSecrets: Register = (program, cli) => {
  program
    .command('rotate-secrets')
    .description(
      'new passwords and certificates for the deployment by compose in this folder; work stays queued meanwhile',
    )
    .option('--api-key', 'a new API key too: callers need the one that is written to the host')
    .action(async ({ apiKey = false }: { apiKey?: boolean }) => {
      const [{ dockerCompose }, { rotateSecrets }] = await Promise.all([
        import('../deployment/compose.ts'),
        import('../deployment/rotate.ts'),
      ]);
      const compose = dockerCompose({ ...cli.env }, (text) => cli.errors.write(text));
      await rotateSecrets(compose, apiKey, (line) => cli.errors.write(`${line}\n`));
      cli.print('Every password and certificate is new.');
    });
};
