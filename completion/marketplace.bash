_marketplace() {
    local IFS=$' \t\n'
    local args cur prev cmd opts arg
    args=("${COMP_WORDS[@]}")
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    opts="--version -h --help"

    args=("${args[@]:1}")
    for arg in "${args[@]}"; do
        case "$arg" in
            serve)
                cmd="serve"
                opts="$opts --inbox --lease --metrics-port --metrics-host --verbose --json --host --port --tls-cert --tls-key --secret-file --path --no-dispatch --max-body --max-connections --pid-file -h --help"
                break
                ;;
            work)
                cmd="work"
                opts="$opts --inbox --lease --metrics-port --metrics-host --verbose --json -h --help"
                break
                ;;
            inbox)
                cmd="inbox"
                opts="$opts -h --help"
                args=("${args[@]:1}")
                for arg in "${args[@]}"; do
                    case "$arg" in
                        list)
                            cmd="$cmd list"
                            opts="$opts --inbox --json --table --state --app --type --event --older-than --newer-than --limit -h --help"
                            break
                            ;;
                        show)
                            cmd="$cmd show"
                            opts="$opts --inbox --json -h --help"
                            break
                            ;;
                        replay)
                            cmd="$cmd replay"
                            opts="$opts --inbox --json --dead --since -h --help"
                            break
                            ;;
                        prune)
                            cmd="$cmd prune"
                            opts="$opts --inbox --json --done-before -h --help"
                            break
                            ;;
                        stats)
                            cmd="$cmd stats"
                            opts="$opts --inbox --json -h --help"
                            break
                            ;;
                    esac
                done
                break
                ;;
            webhooks)
                cmd="webhooks"
                opts="$opts -h --help"
                args=("${args[@]:1}")
                for arg in "${args[@]}"; do
                    case "$arg" in
                        list)
                            cmd="$cmd list"
                            opts="$opts --app --generation --json --table --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose -h --help"
                            break
                            ;;
                        create)
                            cmd="$cmd create"
                            opts="$opts --app --name --url --event --disabled --secret-file --generation --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                        update)
                            cmd="$cmd update"
                            opts="$opts --name --url --event --disabled --enabled --secret-file --generation --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                        delete)
                            cmd="$cmd delete"
                            opts="$opts --yes --generation --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                        ping)
                            cmd="$cmd ping"
                            opts="$opts --generation --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                        deliveries)
                            cmd="$cmd deliveries"
                            opts="$opts --since --state --limit --generation --json --table --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose -h --help"
                            break
                            ;;
                        redeliver)
                            cmd="$cmd redeliver"
                            opts="$opts --generation --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                        migrate)
                            cmd="$cmd migrate"
                            opts="$opts --app --name --secret-file --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                        rotate-secret)
                            cmd="$cmd rotate-secret"
                            opts="$opts --secret-file --inbox --pid-file --reload-command --receiver-url --receiver-ca-file --no-probe --wait --grace --not-shared --retire-anyway --abort --yes --generation --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose --dry-run -h --help"
                            break
                            ;;
                    esac
                done
                break
                ;;
            reconcile)
                cmd="reconcile"
                opts="$opts --app --url --webhook --inbox --state --since --accept-gap --no-redeliver --dry-run --json --config --key-file --key-id --issuer-id --individual --api-url --ca-file --timeout --verbose -h --help"
                break
                ;;
            send)
                cmd="send"
                opts="$opts --list --print --file --generation --id --url --signature --ca-file --timeout --secret-file --json --table -h --help"
                break
                ;;
            sign)
                cmd="sign"
                opts="$opts --secret-file --json -h --help"
                break
                ;;
            verify)
                cmd="verify"
                opts="$opts --secret-file --json --signature -h --help"
                break
                ;;
            explain)
                cmd="explain"
                opts="$opts --secret-file --json --table --signature -h --help"
                break
                ;;
            token)
                cmd="token"
                opts="$opts --config --key-file --key-id --issuer-id --individual --scope --marketplace-id --developer-id --bundle-id --dtype --nonce --iid --vid --lifetime --json -h --help"
                break
                ;;
            simulate)
                cmd="simulate"
                opts="$opts --host --port --tls-cert --tls-key --key-file --key-id --issuer-id --app --rate-limit --retry-after --url-lifetime --strict-deliveries --ca-file --json -h --help"
                args=("${args[@]:1}")
                for arg in "${args[@]}"; do
                    case "$arg" in
                        event)
                            cmd="$cmd event"
                            opts="$opts --url --ca-file --app --marketplace-app --generation --id --package --package-version --territory --variants --deltas --size --json -h --help"
                            break
                            ;;
                        fault)
                            cmd="$cmd fault"
                            opts="$opts --url --ca-file --method --path --times --skip --seconds --clear --json -h --help"
                            break
                            ;;
                        redeliver)
                            cmd="$cmd redeliver"
                            opts="$opts --url --ca-file --json -h --help"
                            break
                            ;;
                        requests)
                            cmd="$cmd requests"
                            opts="$opts --url --ca-file --json --table -h --help"
                            break
                            ;;
                    esac
                done
                break
                ;;
            completion)
                cmd="completion"
                opts="$opts -h --help"
                break
                ;;
        esac
    done

    case "$cmd" in
        '')
            COMPREPLY=($(compgen -W "serve work inbox webhooks reconcile send sign verify explain token simulate completion" -- "$cur"))
            ;;
        'serve')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lease)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metrics-port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metrics-host)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --host)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --tls-cert)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --tls-key)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --path)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --max-body)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --max-connections)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --pid-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'work')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lease)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metrics-port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --metrics-host)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'inbox')
            COMPREPLY=($(compgen -W "list show replay prune stats" -- "$cur"))
            ;;
        'inbox list')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --state)
                    COMPREPLY=($(compgen -W "ready leased done dead" -- "$cur"))
                    return 0
                    ;;
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --type)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --event)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --older-than)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --newer-than)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --limit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'inbox show')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'inbox replay')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --since)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'inbox prune')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --done-before)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'inbox stats')
            case "$prev" in
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks')
            COMPREPLY=($(compgen -W "list create update delete ping deliveries redeliver migrate rotate-secret" -- "$cur"))
            ;;
        'webhooks list')
            case "$prev" in
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks create')
            case "$prev" in
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --event)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks update')
            case "$prev" in
                --name)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --event)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks delete')
            case "$prev" in
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks ping')
            case "$prev" in
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks deliveries')
            case "$prev" in
                --since)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --state)
                    COMPREPLY=($(compgen -W "SUCCEEDED FAILED PENDING" -- "$cur"))
                    return 0
                    ;;
                --limit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks redeliver')
            case "$prev" in
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks migrate')
            case "$prev" in
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --name)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'webhooks rotate-secret')
            case "$prev" in
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --pid-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --reload-command)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --receiver-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --receiver-ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --wait)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --grace)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'reconcile')
            case "$prev" in
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --webhook)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --inbox)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --state)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --since)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --api-url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'send')
            case "$prev" in
                --file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --signature)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --timeout)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'sign')
            case "$prev" in
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'verify')
            case "$prev" in
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --signature)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'explain')
            case "$prev" in
                --secret-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --signature)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'token')
            case "$prev" in
                --config)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --scope)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --marketplace-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --developer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --bundle-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --dtype)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --nonce)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --iid)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --vid)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --lifetime)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'simulate')
            case "$prev" in
                --host)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --port)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --tls-cert)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --tls-key)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --key-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --issuer-id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --rate-limit)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --retry-after)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --url-lifetime)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            COMPREPLY=($(compgen -W "event fault redeliver requests" -- "$cur"))
            ;;
        'simulate event')
            case "$prev" in
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --marketplace-app)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --generation)
                    COMPREPLY=($(compgen -W "1 2" -- "$cur"))
                    return 0
                    ;;
                --id)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --package)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --package-version)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --territory)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --variants)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --deltas)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --size)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'simulate fault')
            case "$prev" in
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --method)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --path)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --times)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --skip)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --seconds)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'simulate redeliver')
            case "$prev" in
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
        'simulate requests')
            case "$prev" in
                --url)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
                --ca-file)
                    COMPREPLY=($(compgen -f -- "$cur"))
                    return 0
                    ;;
            esac

            ;;
    esac

    if [[ "$cur" = -* ]]; then
        COMPREPLY=($(compgen -W "$opts" -- "$cur"))
    fi
}

complete -F _marketplace -o bashdefault -o default marketplace
