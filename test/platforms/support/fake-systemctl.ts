import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A `systemctl` for one unit with `Restart=always`: `start` leaves a supervisor behind that brings the command up again
 * whenever it ends, after one second, until `stop`. Knows --no-pager, --user, --no-block, show, start, stop. All state is in
 * `directory`; `pid` holds the main process, `supervisor` the loop.
 */
export async function writeFakeSystemctl(directory: string, unit: string, command: readonly string[]): Promise<string> {
  const path = join(directory, 'systemctl');
  await writeFile(
    path,
    SCRIPT.replaceAll('@DIR@', directory).replaceAll('@UNIT@', unit).replaceAll('@COMMAND@', command.join(' ')),
  );
  await chmod(path, 0o755);
  return path;
}

const SCRIPT = `#!/bin/bash
dir='@DIR@'; unit='@UNIT@'; command='@COMMAND@'
args=(); for word in "$@"; do case $word in --no-pager|--user|--no-block) ;; *) args+=("$word");; esac; done
echo "\${args[*]}" >> "$dir/calls"
state() { cat "$dir/state" 2>/dev/null || echo 'inactive dead'; }
case "\${args[0]}" in
show)
  read -r active sub <<< "$(state)"
  [[ "\${args[*]: -1}" == "$unit" ]] && load=loaded || load=not-found
  echo "LoadState=$load"; echo "ActiveState=$active"; echo "SubState=$sub"
  echo "MainPID=$(cat "$dir/pid" 2>/dev/null || echo 0)"
  echo "Result=$(cat "$dir/result" 2>/dev/null || echo success)"; echo "ExecMainStatus=$(cat "$dir/code" 2>/dev/null || echo 0)"
  echo "ExecStart={ path=\${command%% *} ; argv[]=$command ; ignore_errors=no ; pid=0 }"; echo 'WorkingDirectory='
  ;;
start)
  [[ -e "$dir/supervisor" ]] && exit 0
  echo 'activating start' > "$dir/state"
  (
    while :; do
      $command > "$dir/output" 2>&1 & main=$!
      echo $main > "$dir/pid"; echo 'active running' > "$dir/state"
      wait $main; code=$?
      echo $code > "$dir/code"; rm -f "$dir/pid"
      [[ $code == 0 ]] && echo success > "$dir/result" || echo exit-code > "$dir/result"
      [[ -e "$dir/stopping" ]] && break
      echo 'activating auto-restart' > "$dir/state"; sleep 1
      [[ -e "$dir/stopping" ]] && break
    done
    echo 'inactive dead' > "$dir/state"; rm -f "$dir/stopping" "$dir/supervisor"
  ) < /dev/null > /dev/null 2>&1 & echo $! > "$dir/supervisor"
  ;;
stop)
  [[ -e "$dir/supervisor" ]] || exit 0
  touch "$dir/stopping"; [[ -e "$dir/pid" ]] && kill "$(cat "$dir/pid")"
  ;;
*) echo "Unknown command verb \${args[0]}." >&2; exit 1 ;;
esac
exit 0
`;
