import { type ChildProcess, spawn } from 'node:child_process';

/** Kills what is on its list once its stdin ends, which happens however the test process ends, SIGKILL included. */
const SCRIPT = `
  trap '' INT TERM HUP
  list=''
  while read -r operation kind name; do
    case $operation in
      add) list="$list
$kind $name" ;;
      drop) list=$(printf '%s' "$list" | grep -vxF "$kind $name") ;;
    esac
  done
  printf '%s\\n' "$list" | while read -r kind name; do
    case $kind in
      pid) kill -KILL "$name" ;;
      container) docker rm -f "$name" ;;
      folder) sleep 0.1; rm -rf "$name" ;;
    esac
  done
`;

type Kind = 'pid' | 'container' | 'folder';

/**
 * What must not outlive this process. `process.on('exit')` would not do: Jest gives tests a process object of their
 * own whose handlers never run, and nothing runs after a SIGKILL.
 */
class Reaper {
  readonly #names = new Set<string>();
  #child: ChildProcess | undefined;

  add(kind: Kind, name: string | number): void {
    this.#child ??= this.#start();
    this.#names.add(`${kind} ${name}`);
    this.#child.stdin?.write(`add ${kind} ${name}\n`);
  }

  /** It is gone already. A pid must be dropped at once, before the system gives it to somebody else. */
  drop(kind: Kind, name: string | number): void {
    if (!this.#names.delete(`${kind} ${name}`)) return;
    this.#child?.stdin?.write(`drop ${kind} ${name}\n`);
    if (this.#names.size > 0) return;
    this.#child?.stdin?.end();
    this.#child = undefined;
  }

  #start(): ChildProcess {
    // Detached: a Ctrl-C in the terminal must not take it before its time.
    const child = spawn('sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    child.stdin?.on('error', () => {});
    child.unref();
    (child.stdin as unknown as { unref?: () => void }).unref?.();
    return child;
  }
}

export const reaper = new Reaper();
