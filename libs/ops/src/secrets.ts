/** `scheme://user:password@`: the password may hold any character but those that end a URL's authority. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*):([^\s/"]*)@/gi;

/** A JSON Web Token: its header begins with `{"`, which is `eyJ` in Base64. */
const TOKEN = /\beyJ[\w-]*\.[\w-]*(?:\.[\w-]*)*/g;
const BEARER = /\b(bearer)(?: |%20|\+)+[^\s"',;]+/gi;
/** `?password=`, `sentinelPassword=`: the password of a server in the query of its URL. */
const PASSWORD = /((?:^|[?&\s"'])\w*password=)[^&\s"'#]+/gi;
const TICKET = /\b(ticket=)[^&\s"'#]+/gi;

/** Replaces what nobody may read: passwords in URLs (`redis://:***@host`), tokens, and the tickets of streams. */
export function maskSecrets(text: string): string {
  // Most lines hold none of them: includes() is cheaper than the patterns.
  let masked = text;
  if (masked.includes('://')) masked = masked.replace(URL_PASSWORD, '$1:***@');
  if (masked.includes('eyJ')) masked = masked.replace(TOKEN, '***');
  if (masked.includes('earer')) masked = masked.replace(BEARER, '$1 ***');
  if (masked.includes('assword=')) masked = masked.replace(PASSWORD, '$1***');
  if (masked.includes('ticket=')) masked = masked.replace(TICKET, '$1***');
  return masked;
}

/** Whether a variable of this name is never shown at all. */
export function isSecretName(name: string): boolean {
  return /(SECRET|PASSWORD|TOKEN|PRIVATE_KEY|API_KEY)/i.test(name);
}
