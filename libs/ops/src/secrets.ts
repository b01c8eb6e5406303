/** `scheme://user:password@`: the password may hold any character but those that end a URL's authority. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"]*):([^\s/"]*)@/gi;

/** Replaces the password of every URL in the text: `redis://:***@host`. */
export function maskSecrets(text: string): string {
  // Most lines hold no URL at all: indexOf is cheaper than the pattern.
  return text.indexOf('://') < 0 ? text : text.replace(URL_PASSWORD, '$1:***@');
}

/** Whether a variable of this name is never shown at all. */
export function isSecretName(name: string): boolean {
  return /(SECRET|PASSWORD|TOKEN|PRIVATE_KEY|API_KEY)/i.test(name);
}
