#compdef marketplace

_marketplace() {
  local context state state_descr line
  typeset -A opt_args

  local -a options=(
    "--version[show the version]"
    {-h,--help}"[show this help]"
  )
  _arguments -s -S \
    $options \
    ": :_marketplace_cmds" \
    "*:: :->args" \
    && return 0

  case $words[1] in
    serve)
      options=(
        $options
        "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT, memory]: :_files"
        "--lease[Seconds that a callback may take before another worker takes its notification]: :_files"
        "--metrics-port[Answer GET /metrics there, for Prometheus; without it nowhere]: :_files"
        "--metrics-host[On this address]: :_files"
        "--verbose[Also write a line when a notification is stored, not only when it is done]"
        "--json[write JSON, one object a line]"
        "--host[Address to listen on]: :_files"
        "--port[Port to listen on; 0\: the system chooses]: :_files"
        "--tls-cert[Certificate chain for HTTPS, PEM; with --tls-key]: :_files"
        "--tls-key[Its private key, PEM]: :_files"
        "--secret-file[file with the webhook's secret; several during a rotation, one a line (without it\: the secret in MARKETPLACE_SECRET)]: :_files"
        "--path[Where notifications arrive]: :_files"
        "--no-dispatch[Only receive\: the callbacks are run by \`marketplace work\`]"
        "--max-body[Largest body in bytes]: :_files"
        "--max-connections[Connections at a time]: :_files"
        "--pid-file[File that holds the process's id while it listens\: who sends it SIGHUP finds it there]: :_files"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    work)
      options=(
        $options
        "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT, memory]: :_files"
        "--lease[Seconds that a callback may take before another worker takes its notification]: :_files"
        "--metrics-port[Answer GET /metrics there, for Prometheus; without it nowhere]: :_files"
        "--metrics-host[On this address]: :_files"
        "--verbose[Also write a line when a notification is stored, not only when it is done]"
        "--json[write JSON, one object a line]"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    inbox)
      options=(
        $options
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_marketplace_inbox_cmds" \
        "*:: :->args" \
        && return 0

      case $words[1] in
        list)
          options=(
            $options
            "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
            "--json[write JSON, one object a line, also on a terminal]"
            "--table[write a table, also if the output is not a terminal]"
            "--state[Only these]: :(ready leased done dead)"
            "--app[Of this app]: :_files"
            "--type[Of this type of Apple's]: :_files"
            "--event[Of this event]: :_files"
            "--older-than[Received before\: 90d, 12h, 30m, 45s ago, or a date]: :_files"
            "--newer-than[Received since]: :_files"
            "--limit[The most]: :_files"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

        show)
          options=(
            $options
            "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
            "--json[write JSON, one object a line]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        replay)
          options=(
            $options
            "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
            "--json[write JSON, one object a line]"
            "--dead[All that are dead]"
            "--since[The dead ones received since\: 90d, 12h, 30m, 45s ago, or a date]: :_files"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        prune)
          options=(
            $options
            "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
            "--json[write JSON, one object a line]"
            "--done-before[Done before\: 90d, 12h, 30m, 45s ago, or a date]: :_files"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

        stats)
          options=(
            $options
            "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
            "--json[write JSON, one object a line]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

      esac
      ;;

    webhooks)
      options=(
        $options
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_marketplace_webhooks_cmds" \
        "*:: :->args" \
        && return 0

      case $words[1] in
        list)
          options=(
            $options
            "*--app[Of this app; may be repeated]: :_files"
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line, also on a terminal]"
            "--table[write a table, also if the output is not a terminal]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

        create)
          options=(
            $options
            "--app[Of this app]: :_files"
            "--name[What it is called]: :_files"
            "--url[Where notifications go]: :_files"
            "*--event[A type of event that it sends, by our name or Apple's constant; may be repeated]: :_files"
            "--disabled[It sends nothing until it is enabled]"
            "--secret-file[File whose first line is the secret]: :_files"
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

        update)
          options=(
            $options
            "--name[What it is called]: :_files"
            "--url[Where notifications go]: :_files"
            "*--event[A type of event that it sends, by our name or Apple's constant; may be repeated]: :_files"
            "--disabled[It sends nothing from now on]"
            "--enabled[It sends again]"
            "--secret-file[File whose first line becomes the secret; without it the secret stays]: :_files"
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        delete)
          options=(
            $options
            "--yes[Do not ask]"
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        ping)
          options=(
            $options
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        deliveries)
          options=(
            $options
            "--since[Made since\: 10d, 12h, 30m, 45s ago, or a date]: :_files"
            "--state[Only these]: :(SUCCEEDED FAILED PENDING)"
            "--limit[The most]: :_files"
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line, also on a terminal]"
            "--table[write a table, also if the output is not a terminal]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        redeliver)
          options=(
            $options
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            "*: :_files" \
            && return 0
          ;;

        migrate)
          options=(
            $options
            "*--app[For this app; may be repeated]: :_files"
            "--name[What the new webhooks are called]: :_files"
            "--secret-file[File whose first line is the secret]: :_files"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

        rotate-secret)
          options=(
            $options
            "--secret-file[The receiver's file of secrets, one a line; it is rewritten]: :_files"
            "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
            "--pid-file[File with the receiver's process id, which gets a SIGHUP to reread its secrets]: :_files"
            "--reload-command[Shell command that makes the receiver, or all of them, reread its secrets]: :_files"
            "--receiver-url[Where the receiver is tried; without it the webhooks' own URLs]: :_files"
            "--receiver-ca-file[Certificates to trust there in place of the system's, PEM]: :_files"
            "--no-probe[Do not try whether the receiver takes the new secret before App Store Connect gets it]"
            "--wait[Seconds to wait for a notification signed with the new secret, for each webhook]: :_files"
            "--grace[Seconds without a notification signed with an old secret before the old ones end]: :_files"
            "--not-shared[No webhook that is not named uses the secret\: do not look for others]"
            "--retire-anyway[End the old secrets though a notification signed with one came late]"
            "--abort[End a rotation under way, as long as App Store Connect has not been given the new secret]"
            "--yes[Do not ask]"
            "--generation[Of the webhook; Apple deprecates the first]: :(1 2)"
            "--json[write JSON, one object a line]"
            "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
            "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
            "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
            "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
            "--individual[The key is an individual's, not a team's]"
            "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
            "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
            "--verbose[Write a line for each request on the standard error stream]"
            "--dry-run[Show the requests that would change something, and send none of them]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            "*: :_files" \
            && return 0
          ;;

      esac
      ;;

    reconcile)
      options=(
        $options
        "*--app[Look at the webhooks of this app; may be repeated]: :_files"
        "--url[Of the apps' webhooks only those with this URL, the receiver's own; needed where they have more than one]: :_files"
        "*--webhook[Look at this webhook; may be repeated]: :_files"
        "--inbox[Where notifications wait for their callbacks\: sqlite\:PATH, postgres\://USER@HOST/DBNAME, redis\://HOST\:PORT]: :_files"
        "--state[Where it is kept how far the last run came]: :_files"
        "--since[Look at what was delivered since, in place of what is due\: 9d, 12h, 30m, 45s ago, or a date; at most ten days back]: :_files"
        "--accept-gap[Take note of what was not looked at in time\: it is not told again]"
        "--no-redeliver[Do not ask for the redelivery of what failed and was missing]"
        "--dry-run[Only tell what is missing, and what would be redelivered]"
        "--json[write JSON, one object a line]"
        "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
        "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
        "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
        "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
        "--individual[The key is an individual's, not a team's]"
        "--api-url[In place of App Store Connect's; without it MARKETPLACE_API_URL or api_url]: :_files"
        "--ca-file[Certificates to trust in place of the system's, PEM; without it ca_file]: :_files"
        "--timeout[Seconds until a request is given up, its repetitions included]: :_files"
        "--verbose[Write a line for each request on the standard error stream]"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        && return 0
      ;;

    send)
      options=(
        $options
        "--list[List the samples and send nothing]"
        "--print[Write the sample's body and send nothing]"
        "--file[Send this file's bytes (- for the standard input) in place of a sample]: :_files"
        "--generation[Of the sample; without it the first that fits]: :(1 2)"
        "--id[Of the sample, letters, digits and -; without it a new one]: :_files"
        "--url[Where to]: :_files"
        "--signature[Send this in place of the right signature\: to see a forgery refused]: :_files"
        "--ca-file[Certificates to trust in place of the system's, PEM]: :_files"
        "--timeout[Seconds until it gives up]: :_files"
        "--secret-file[file with the webhook's secret; several during a rotation, one a line (without it\: the secret in MARKETPLACE_SECRET)]: :_files"
        "--json[write JSON, one object a line, also on a terminal]"
        "--table[write a table, also if the output is not a terminal]"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    sign)
      options=(
        $options
        "--secret-file[file with the webhook's secret; several during a rotation, one a line (without it\: the secret in MARKETPLACE_SECRET)]: :_files"
        "--json[write JSON, one object a line]"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    verify)
      options=(
        $options
        "--secret-file[file with the webhook's secret; several during a rotation, one a line (without it\: the secret in MARKETPLACE_SECRET)]: :_files"
        "--json[write JSON, one object a line]"
        "--signature[Value of the header x-apple-signature, as it was received]: :_files"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    explain)
      options=(
        $options
        "--secret-file[file with the webhook's secret; several during a rotation, one a line (without it\: the secret in MARKETPLACE_SECRET)]: :_files"
        "--json[write JSON, one object a line, also on a terminal]"
        "--table[write a table, also if the output is not a terminal]"
        "--signature[Value of the header x-apple-signature, as it was received]: :_files"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_files" \
        && return 0
      ;;

    token)
      options=(
        $options
        "--config[File with settings, \`name = value\` a line; without it MARKETPLACE_CONFIG names it, or it is ~/.config/marketplace/config where there is one]: :_files"
        "--key-file[The private key, PEM; without it MARKETPLACE_KEY_FILE or key_file of the config file]: :_files"
        "--key-id[The key's id; without it MARKETPLACE_KEY_ID or key_id]: :_files"
        "--issuer-id[The team's issuer id; without it MARKETPLACE_ISSUER_ID or issuer_id]: :_files"
        "--individual[The key is an individual's, not a team's]"
        "*--scope[api\: a request that the token is good for, such as \"GET /v1/apps\"; may be repeated]: :_files"
        "--marketplace-id[marketplace, install\: the marketplace's Apple ID]: :_files"
        "--developer-id[marketplace\: the developer whom it is for]: :_files"
        "--bundle-id[install\: the app's]: :_files"
        "--dtype[install\: download or redownload]: :_files"
        "--nonce[install\: without it a random UUID]: :_files"
        "--iid[install\: optional claim]: :_files"
        "--vid[install\: optional claim]: :_files"
        "--lifetime[Seconds; as long as Apple allows, or less]: :_files"
        "--json[write JSON, one object a line]"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :(api marketplace install)" \
        && return 0
      ;;

    simulate)
      options=(
        $options
        "--host[Address to listen on]: :_files"
        "--port[Port to listen on; 0\: the system chooses]: :_files"
        "--tls-cert[Certificate chain for HTTPS, PEM; with --tls-key]: :_files"
        "--tls-key[Its private key, PEM]: :_files"
        "--key-file[The private key that tokens are to be signed with, PEM; made where there is none]: :_files"
        "--key-id[Its id]: :_files"
        "--issuer-id[The team's]: :_files"
        "*--app[An app of the account, the first one the marketplace; may be repeated]: :_files"
        "--rate-limit[Requests in an hour]: :_files"
        "*--retry-after[Repeat a failed delivery after so many seconds; may be repeated]: :_files"
        "--url-lifetime[Seconds that the URLs of files are good for]: :_files"
        "--strict-deliveries[Want exactly one filter of the list of deliveries, as operators report]"
        "--ca-file[Certificates to trust in webhooks' servers in place of the system's, PEM]: :_files"
        "--json[write JSON, one object a line]"
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :_marketplace_simulate_cmds" \
        "*:: :->args" \
        && return 0

      case $words[1] in
        event)
          options=(
            $options
            "--url[Of the simulator; without it MARKETPLACE_API_URL, or http\://127.0.0.1\:8090]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM]: :_files"
            "--app[The app that it is about; without it the account's first]: :_files"
            "--marketplace-app[The app whose webhooks hear of it; without it that app, where it is one of the account's, or the account's first]: :_files"
            "--generation[Only this one of its notifications]: :(1 2)"
            "--id[Of the notification; without it a new one]: :_files"
            "--package[The package that it is about]: :_files"
            "--package-version[version_available\: the new version's id]: :_files"
            "*--territory[Where; may be repeated]: :_files"
            "--variants[version_available\: how many; without it 2]: :_files"
            "--deltas[version_available\: how many; without it none]: :_files"
            "--size[version_available\: of each of them, in bytes]: :_files"
            "--json[write JSON, one object a line]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        fault)
          options=(
            $options
            "--url[Of the simulator; without it MARKETPLACE_API_URL, or http\://127.0.0.1\:8090]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM]: :_files"
            "--method[Of the requests that it meets]: :_files"
            "--path[Beginning of their path; without it /v1/]: :_files"
            "--times[How many it meets; without it 1]: :_files"
            "--skip[How many it lets pass before]: :_files"
            "--seconds[How slow, or when to come again]: :_files"
            "--clear[Forget all faults]"
            "--json[write JSON, one object a line]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        redeliver)
          options=(
            $options
            "--url[Of the simulator; without it MARKETPLACE_API_URL, or http\://127.0.0.1\:8090]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM]: :_files"
            "--json[write JSON, one object a line]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            ": :_files" \
            && return 0
          ;;

        requests)
          options=(
            $options
            "--url[Of the simulator; without it MARKETPLACE_API_URL, or http\://127.0.0.1\:8090]: :_files"
            "--ca-file[Certificates to trust in place of the system's, PEM]: :_files"
            "--json[write JSON, one object a line, also on a terminal]"
            "--table[write a table, also if the output is not a terminal]"
            {-h,--help}"[show this help]"
          )
          _arguments -s -S \
            $options \
            && return 0
          ;;

      esac
      ;;

    completion)
      options=(
        $options
        {-h,--help}"[show this help]"
      )
      _arguments -s -S \
        $options \
        ": :(bash zsh fish)" \
        && return 0
      ;;

  esac

  return 1
}

_marketplace_cmds() {
  local -a commands=(
    "serve:receive notifications and run a handlers file for them"
    "work:run a handlers file for the notifications that another process receives"
    "inbox:look into an inbox, replay what is dead, forget what is done"
    "webhooks:list, make, change and try the webhooks at App Store Connect; rotate their secret"
    "reconcile:put notifications that were missed into the inbox"
    "send:sign a notification and post it as App Store Connect would, to try a receiver"
    "sign:print the signature that App Store Connect would send with a body"
    "verify:check a signature; the exit status tells whether it is valid"
    "explain:say why a signature is not valid"
    "token:make a token for App Store Connect's API, for a developer or for an install"
    "simulate:stand in for App Store Connect, to develop without an Apple account"
    "completion:print a completion script for a shell"
  )
  _describe "command" commands
}

_marketplace_inbox_cmds() {
  local -a commands=(
    "list:List notifications, the oldest first"
    "show:Show one with its body"
    "replay:Make dead ones ready again"
    "prune:Forget done ones: then a duplicate of one would run again"
    "stats:Count them by state"
  )
  _describe "command" commands
}

_marketplace_webhooks_cmds() {
  local -a commands=(
    "list:List webhooks"
    "create:Make a webhook"
    "update:Change a webhook"
    "delete:Delete a webhook"
    "ping:Have App Store Connect send a ping"
    "deliveries:List what a webhook has sent"
    "redeliver:Have deliveries repeated"
    "migrate:Make generation 2 webhooks that correspond to the one of generation 1"
    "rotate-secret:Change the secret without losing a notification; run it again where it stopped"
  )
  _describe "command" commands
}

_marketplace_simulate_cmds() {
  local -a commands=(
    "event:Make something happen"
    "fault:Make the next requests or deliveries fail"
    "redeliver:Repeat a delivery"
    "requests:List how many requests arrived and were executed"
  )
  _describe "command" commands
}

_marketplace
