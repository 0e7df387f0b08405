/** The files of AWS: sections in brackets, and lines of a name and a value. */

/**
 * Returns the fields of a profile in the text of a file, which is `[name]` or `[profile name]`.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function profileIn(text: string, profile: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = Object.create(null);
  let isWanted = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?["']?([^\]"']+?)["']?\s*\]/.exec(line)?.[1];
    if (section !== undefined) {
      isWanted = section === profile;
      continue;
    }
    // A line that begins with a blank belongs to the field above it.
    const [, name, value] = /^([\w.-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (isWanted && name !== undefined && value) fields[name.toLowerCase()] = value.replace(/\s+[#;].*$/, "");
  }
  return fields;
}
