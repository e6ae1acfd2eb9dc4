/** A backend of Terraform by its name, with the settings that Terraform's own pages give it. */
import { type Construct, TerraformBackend, type TerraformRemoteState } from './cdktf.ts';

export class NamedBackend extends TerraformBackend {
  readonly #configuration: Readonly<Record<string, unknown>>;

  constructor(scope: Construct, type: string, configuration: Readonly<Record<string, unknown>>) {
    super(scope, 'backend', type);
    this.#configuration = configuration;
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { ...this.#configuration };
  }

  /** No stack reads another's state. */
  override getRemoteStateDataSource(): TerraformRemoteState {
    throw new Error('the stacks of Millrace do not read the state of one another');
  }
}
