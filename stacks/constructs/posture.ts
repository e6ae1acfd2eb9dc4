/** Refuses, when a stack is synthesised, what the kit promises never to deploy. */
import { Annotations, Container, DataDockerImage, type IAspect, type IConstruct, Image } from '../cdktf.ts';

/** The one-shots that prepare volumes for the users of others. */
const rootServices = ['init_permissions', 'secrets'];
/** Redis, its sentinels, a cluster's bus, Postgres. */
const privatePorts = [6379, 16_379, 26_379, 5432];

function refusedOfImage(reference: string): readonly string[] {
  const [name = '', digest] = reference.split('@');
  const tag = /:([^/:]+)$/.exec(name)?.[1];
  if (digest !== undefined || (tag !== undefined && tag !== 'latest')) return [];
  return [`its image is "${reference}"; expected an exact tag or a digest, for \`latest\` is another one every day`];
}

function refusedOfContainer(container: Container): readonly string[] {
  const service = container.node.scope?.node.id ?? container.node.id;
  const user = container.userInput?.split(':')[0];
  const root = user === undefined || user === '' || user === '0' || user === 'root';
  const ports = Array.isArray(container.portsInput) ? container.portsInput : [];
  return [
    ...((container.memoryInput ?? 0) > 0 ? [] : ['it has no memory limit']),
    ...(root && !rootServices.includes(service) ? ['it runs as root, and is not among those that must'] : []),
    ...ports
      .filter(({ internal }) => privatePorts.includes(internal))
      .map(({ internal }) => `it publishes port ${internal}, which nobody outside must reach`),
    // A one-shot has none: its gate waits for its end.
    ...(container.mustRunInput === false || container.healthcheckInput !== undefined ? [] : ['it has no health check']),
    ...(container.imageInput?.startsWith('${') ? [] : refusedOfImage(container.imageInput ?? '')),
  ];
}

export class Posture implements IAspect {
  visit(node: IConstruct): void {
    const refused =
      node instanceof Container
        ? refusedOfContainer(node)
        : node instanceof Image || node instanceof DataDockerImage
          ? refusedOfImage(node.nameInput ?? '')
          : [];
    for (const what of refused) Annotations.of(node).addError(`${node.node.path}: ${what}.`);
  }
}
