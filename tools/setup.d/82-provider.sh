# shellcheck shell=bash disable=SC2034,SC2154
# Terraform's Docker provider, and a lock file in each synthesised stack: with these `npx cdktf deploy` asks nobody.
# Where no registry of providers answers, the provider is built from source into Terraform's plugin folder, which
# Terraform looks into by itself.

provider_name=kreuzwerker/docker
provider_version=4.6.0
provider_stacks="standalone sentinel cluster"

terraform_binary() {
  local name
  for name in "${TERRAFORM_BINARY_NAME:-terraform}" tofu; do
    if have "$name"; then echo "$name"; return; fi
  done
  return 1
}

provider_stack() { echo "$root/cdktf.out/stacks/$1"; }

# The lock names the provider and what it points to is there.
provider_locked() {
  local folder
  folder="$(provider_stack "$1")"
  grep -q "/$provider_name\"" "$folder/.terraform.lock.hcl" 2>/dev/null &&
    [ -n "$(find -L "$folder/.terraform/providers" -type f -name 'terraform-provider-docker*' 2>/dev/null | head -n 1)" ]
}

provider_ready() {
  local stack binary
  binary="$(terraform_binary)" || { reason="install Terraform 1.9 or newer, or OpenTofu"; return 1; }
  for stack in $provider_stacks; do
    provider_locked "$stack" || { reason="cdktf.out/stacks/$stack has no provider"; return 1; }
  done
  version="$provider_version"
  from="its registry"
  [ -z "$(provider_in_plugins)" ] || from="built from source, in Terraform's plugin folder"
  from="$from, for $binary"
}

provider_in_plugins() {
  find "$HOME/.terraform.d/plugins" -type f -path "*/$provider_name/$provider_version/*" -name 'terraform-provider-docker*' 2>/dev/null | head -n 1
}

provider_init() {
  (cd "$(provider_stack "$1")" && CHECKPOINT_DISABLE=1 bounded 120 "$2" init -input=false -no-color -backend=false)
}

provider_make() {
  local stack binary first="${provider_stacks%% *}"
  binary="$(terraform_binary)" || return 1
  say "synthesising the stacks"
  logged provider-synth env CHECKPOINT_DISABLE=1 TERRAFORM_BINARY_NAME="$binary" "$root/tools/run" "$root/node_modules/.bin/cdktf" synth || return 1
  if ! provider_init "$first" "$binary" >"$cache/logs/provider-init.log" 2>&1 </dev/null; then
    say "no registry of Terraform providers answers: building the provider from source (about 2 minutes)"
    provider_build "$binary" || return 1
  fi
  # Also the stack `external`, where the settings ask for it.
  for stack in "$root"/cdktf.out/stacks/*/cdk.tf.json; do
    stack="$(basename "$(dirname "$stack")")"
    logged "provider-init-$stack" provider_init "$stack" "$binary" || { reason="see the output above"; return 1; }
  done
}

# As Terraform names it in full: the registry's host differs between Terraform and OpenTofu.
provider_address() {
  local folder
  folder="$(mktemp -d)"
  printf 'terraform {\n  required_providers {\n    docker = { source = "%s" }\n  }\n}\n' "$provider_name" >"$folder/main.tf"
  (cd "$folder" && "$1" providers 2>/dev/null) | sed -n "s|.*provider\[\([^]]*/$provider_name\)\].*|\1|p" | head -n 1
  rm -rf "$folder"
}

provider_build() {
  local built="$cache/provider/$provider_version/terraform-provider-docker_v$provider_version" address platform folder
  if ! have go; then reason="no registry answers, and building the provider needs Go 1.25 or newer"; return 1; fi
  address="$(provider_address "$1")"
  if [ -z "$address" ]; then reason="'$1 providers' does not name $provider_name"; return 1; fi
  if [ ! -x "$built" ]; then
    mkdir -p "$(dirname "$built")"
    (cd "$root/tools/terraform-provider" && logged provider-build env CGO_ENABLED=0 go build -trimpath -tags no_compose \
      -ldflags='-s -w' -o "$built.new" github.com/terraform-providers/terraform-provider-docker) || return 1
    mv "$built.new" "$built"
  fi
  platform="$(go env GOOS)_$(go env GOARCH)"
  folder="$HOME/.terraform.d/plugins/$address/$provider_version/$platform"
  if [ ! -e "$folder" ]; then
    say "putting the provider into $folder"
    mkdir -p "$folder"
    cp "$built" "$folder/"
  fi
}
