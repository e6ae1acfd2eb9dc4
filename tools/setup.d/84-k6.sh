# shellcheck shell=bash disable=SC2034,SC2154
# k6, for the load tests: one on PATH; else the release's own binary; else built from source. Kept in the cache, with a
# link in a folder of PATH, so that a plain `k6` works in any shell.

k6_version=1.8.1
# Since this one k6 runs TypeScript as it is.
k6_least_major=1
k6_releases="https://github.com/grafana/k6/releases/download"
k6_folder="$cache/k6/$k6_version"
k6_download_seconds=120

# Prints the version of a k6: "1.8.1".
k6_version_of() { "$1" version 2>/dev/null | sed -n '1s/^k6\(\.exe\)\{0,1\} v\([0-9.]*\).*/\2/p'; }

# Prints the k6 that a shell of this user finds: the links that tools/run alone sees are left out.
k6_on_path() {
  local folder
  local IFS=:
  for folder in $PATH; do
    if [ "$folder" != "$cache/bin" ] && [ -x "$folder/k6" ] && [ ! -d "$folder/k6" ]; then echo "$folder/k6"; return; fi
  done
  return 1
}

# Where the link goes: a folder of PATH that we may write to, the user's own before the machine's.
k6_link_folder() {
  local folder
  for folder in "$HOME/.local/bin" "$HOME/bin" /usr/local/bin; do
    case ":$PATH:" in *":$folder:"*) if [ -w "$folder" ]; then echo "$folder"; return; fi ;; esac
  done
  echo "$HOME/.local/bin"
}

k6_ready() {
  local found linked
  if ! found="$(k6_on_path)"; then
    [ ! -x "$HOME/.local/bin/k6" ] || reason="$HOME/.local/bin is not on PATH: put it there"
    return 1
  fi
  version="$(k6_version_of "$found")"
  if [ "${version%%.*}" -lt "$k6_least_major" ] 2>/dev/null || [ -z "$version" ]; then
    reason="$found is version ${version:-unknown}; 1.0 or newer is needed, and this script replaces nothing"
    return 1
  fi
  from="PATH ($found)"
  linked="$(readlink "$found" || true)"
  case "$linked" in "$cache"/*) from="$linked, linked as $found" ;; esac
}

k6_make() {
  local folder
  # One that is there is never replaced; k6_ready has said why it does not do.
  if k6_on_path >/dev/null; then return 1; fi
  [ -x "$k6_folder/k6" ] || k6_fetch || k6_build || return 1
  folder="$(k6_link_folder)"
  mkdir -p "$folder" "$cache/bin"
  k6_link "$cache/bin"
  k6_link "$folder" || { reason="$folder/k6 is there and is none of ours: remove it"; return 1; }
  say "k6 $k6_version linked as $folder/k6"
  hash -r
}

# Only a link into the cache is replaced.
k6_link() {
  if [ -e "$1/k6" ] || [ -L "$1/k6" ]; then
    case "$(readlink "$1/k6" || true)" in "$cache"/*) ;; *) return 1 ;; esac
  fi
  ln -sf "$k6_folder/k6" "$1/k6"
}

# The release's archive, checked against the release's list of hashes. Quiet when nothing answers.
k6_fetch() {
  local system machine ending=tar.gz name work
  have curl || return 1
  case "$(uname -s)" in Linux) system=linux ;; Darwin) system=macos ending=zip ;; *) return 1 ;; esac
  case "$(uname -m)" in x86_64) machine=amd64 ;; aarch64 | arm64) machine=arm64 ;; *) return 1 ;; esac
  name="k6-v$k6_version-$system-$machine"
  work="$k6_folder.fetch"
  say "asking for the release of k6 $k6_version"
  rm -rf "$work"
  mkdir -p "$work"
  if ! (
    cd "$work" &&
      curl -fsSL --connect-timeout 5 --max-time 20 -o list "$k6_releases/v$k6_version/k6-v$k6_version-checksums.txt" &&
      curl -fsSL --connect-timeout 5 --max-time "$k6_download_seconds" -o "$name.$ending" "$k6_releases/v$k6_version/$name.$ending" &&
      grep -q "^$(hash_of "$name.$ending") .*$name.$ending\$" list &&
      case "$ending" in zip) unzip -q "$name.zip" ;; *) tar -xzf "$name.tar.gz" ;; esac
  ) >"$cache/logs/k6-fetch.log" 2>&1; then
    rm -rf "$work"
    return 1
  fi
  k6_keep "$work/$name/k6"
}

k6_build() {
  if ! have go; then
    reason="the release was not reached, and building k6 needs Go 1.24 or newer: install either"
    return 1
  fi
  say "building k6 $k6_version from source (about 2 minutes)"
  reason="see the output above; it needs Go's module proxy"
  logged k6-build env GOBIN="$k6_folder.build" CGO_ENABLED=0 go install -trimpath "go.k6.io/k6@v$k6_version" || return 1
  reason=
  k6_keep "$k6_folder.build/k6"
}

# Keeps a k6 that runs, and removes the folder it was made in.
k6_keep() {
  local made="$1"
  if [ "$(k6_version_of "$made")" != "$k6_version" ]; then
    reason="$made is no k6 $k6_version"
    return 1
  fi
  mkdir -p "$k6_folder"
  mv "$made" "$k6_folder/k6"
  rm -rf "$k6_folder.build" "$k6_folder.fetch"
}
