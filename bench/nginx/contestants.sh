# What run, memory and sanitize share: a folder $work, and nginx, Node and Redis in it, which end with the script.
# To be read at the top of the source tree.
export MARKETPLACE_SECRET=a-secret-for-measuring
export LUA_PATH="lua/?.lua;lua/?/init.lua;;" LUA_CPATH="build/jit/?.so;;"
work=$(mktemp -d)
servers=
trap '[ -z "$servers" ] || kill $servers 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_node() { # NAME
  taskset -c 0 node bench/server/node.mjs "$port" > "$work/$1/address" 2> "$work/$1/error.log" &
}

start_nginx() { # NAME MODULE
  sed "s|@ROOT@|$PWD|g; s|@FOLDER@|$work/$1|g; s|@PORT@|$port|g; s|@MODULE@|$2|g; s|@BUILD@|${BUILD:-build}|g
    s|@USER@|$(id -un)|" bench/nginx/nginx.conf > "$work/$1/nginx.conf"
  env ${PRELOAD:+"LD_PRELOAD=$PRELOAD"} nginx -p "$work/$1" -e "$work/$1/error.log" -c "$work/$1/nginx.conf" &
}

start_redis() { # NAME FSYNC
  redis-server --port 0 --unixsocket "$work/$1/redis" --unixsocketperm 666 --dir "$work/$1" --appendonly yes \
    --appendfsync "$2" --save "" > "$work/$1/redis.log" &
  servers="$servers $!"
  until redis-cli -s "$work/$1/redis" ping > "$work/$1/answer" 2>&1; do sleep 0.05; done
}

start() { # NAME: a module here, "node", or ours-INBOX
  mkdir "$work/$1"
  port=$(free_port)
  echo "$port" > "$work/$1/port"
  case $1 in
    node) start_node "$1" ;;
    ours-sqlite) MARKETPLACE_INBOX="sqlite:$work/$1/inbox.db" start_nginx "$1" ours ;;
    ours-redis) start_redis "$1" always && MARKETPLACE_INBOX="redis:path=$work/$1/redis" start_nginx "$1" ours ;;
    *) start_nginx "$1" "$1" ;;
  esac
  server=$!
  servers="$servers $server"
  until curl -s -o "$work/$1/answer" "http://127.0.0.1:$port/notifications"; do
    kill -0 "$server" || { echo "$1 does not start:" && cat "$work/$1/error.log" && exit 1; }
    sleep 0.05
  done
  if [ "$1" = node ]; then echo "$server" > "$work/$1/worker"; else pgrep -o -P "$server" > "$work/$1/worker"; fi
}

load() { # NAME SECONDS: prints the rate and the 99th percentile in ms
  taskset -c 1 wrk -t1 -c32 -d "$2s" -s bench/server/load.lua "http://127.0.0.1:$(cat "$work/$1/port")" -- \
    "$work/requests" | tail -n 1 > "$work/result"
  read -r rate latency errors < "$work/result"
  [ "$errors" -eq 0 ] || { echo "$1: $errors answers were not 2xx" && cat "$work/$1/error.log" && exit 1; }
}
