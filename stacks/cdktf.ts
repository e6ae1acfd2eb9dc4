/** The only file that names the CDK's packages: to move to its successor `cdktn` is to change these lines. */
export { Container } from '@cdktf/provider-docker/lib/container/index.js';
export { DataDockerImage } from '@cdktf/provider-docker/lib/data-docker-image/index.js';
export { Image } from '@cdktf/provider-docker/lib/image/index.js';
export { Network } from '@cdktf/provider-docker/lib/network/index.js';
export { DockerProvider } from '@cdktf/provider-docker/lib/provider/index.js';
export type { IAspect, ITerraformDependable, TerraformRemoteState } from 'cdktf';
export {
  Annotations,
  App,
  Aspects,
  DataResource,
  LocalBackend,
  TerraformBackend,
  TerraformCount,
  TerraformLocal,
  TerraformOutput,
  TerraformStack,
  TerraformVariable,
} from 'cdktf';
export type { IConstruct } from 'constructs';
export { Construct } from 'constructs';
