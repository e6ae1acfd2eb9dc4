/**
 * Those of `found` that belong to the stack `name` (`<project>-<stack>`): `<name>-<volume>`. A volume's own name holds no
 * hyphen, so the stacks of a project that is called as this stack is (`millrace-standalone-sentinel-…`) are none of them.
 */
export function volumesOf(name: string, found: readonly string[]): readonly string[] {
  const prefix = `${name}-`;
  return found.filter((volume) => volume.startsWith(prefix) && /^[a-z0-9_]+$/.test(volume.slice(prefix.length)));
}
