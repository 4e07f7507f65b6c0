import type { Command } from './arguments.ts'

const EXIT_CODES = `Exit codes:
  0  done; for start: stopped by a signal
  1  failure while running: the port is taken, a second signal came
  2  wrong configuration or wrong usage`

const PROGRAM = `Usage: oidc-gateway <command> --config FILE

OpenID Connect in front of any upstream, from one file (YAML, JSON or TOML).

Commands:
  start    run the gateway
  check    look for mistakes in the file, without serving anything
  doctor   ask the provider and Redis whether logins can work, and say what
           to change
  routes   list what is served, and what protects it
  explain  say whether a request would pass, and which rule refuses it
  import   print a foreign file as one of this gateway, and what is different
  sessions list, show and revoke sessions

Options:
  -c, --config FILE  the configuration file
  -h, --help         this text, or that of a command
  -v, --version      the version

${EXIT_CODES}`

const IGNORE = `  --ignore-plugin NAME
                     with --from: leave out a plugin that is not known here;
                     can be given several times`

const ORIGINS = `  --from apisix      the file is Apache APISIX's: apisix.yaml, or a route as
                     JSON of its Admin API; what is different goes to
                     standard error
  --from oauth2-proxy
                     the file is OAuth2 Proxy's; OAUTH2_PROXY_* variables and
                     its own arguments, after --, go before it
  --from kong        the file is Kong's: decK's YAML, JSON of its Admin API, or
                     curl commands and form data for it, in a file with
                     another ending`

const FOREIGN = `${ORIGINS}
  --route PATH       with --from kong: where a plugin stands whose file has
                     no routes, such as /api
  --upstream URL     with --from kong: where its requests go
${IGNORE}`

const HELP: Readonly<Record<Command, string>> = {
  start: `Usage: oidc-gateway start --config FILE
       oidc-gateway start --from oauth2-proxy [--dev] [-- ARGUMENTS]

Runs the gateway. The log is JSON lines on standard output.

Signals:
  SIGTERM, SIGINT  stop: no new connections, requests under way get 10 seconds;
                   a second signal stops at once
  SIGHUP           read the file again: certificates and log.level change,
                   anything else is said in the log and waits for a restart;
                   several workers are replaced one after another, and
                   everything but metrics changes

Options:
  -c, --config FILE  the configuration file
${FOREIGN}
  --listen HOST:PORT with --from: where to listen, such as 0.0.0.0:4180 or
                     [::]:4180, in place of 127.0.0.1:4180
  --workers N|auto   how many processes serve, whatever the file says; auto:
                     one for each core of the machine
  --dev              with --from oauth2-proxy: secrets that were never filled
                     in will do, at an address that only this machine reaches
  -h, --help         this text

${EXIT_CODES}`,
  check: `Usage: oidc-gateway check --config FILE

Looks at the whole file and prints "ok", or every mistake with its line.
Vaults in the file are asked for its secrets; neither the provider nor an
upstream is contacted.

Options:
  -c, --config FILE  the configuration file
${FOREIGN}
  -h, --help         this text

${EXIT_CODES}`,
  doctor: `Usage: oidc-gateway doctor --config FILE

Looks at what the file leads to and prints a line for each thing: ok, warn or
FAIL, what is the case, and what to change. The provider is asked for its
discovery document and keys. It gets one authorization request, which is not
followed, and one token request with a code that nobody issued, by which it
shows whether it knows the redirect URI and the client secret. Redis is asked
where sessions need it. Secrets are not shown, and nobody is logged in.

Options:
  -c, --config FILE  the configuration file
${FOREIGN}
  --json             a line of JSON for each thing: verdict (ok, warn, fail),
                     check, what, remedy, routes, client_id
  -h, --help         this text

Examples:
  oidc-gateway doctor -c gateway.yaml
  oidc-gateway doctor -c gateway.yaml --json | jq 'select(.verdict != "ok")'

Exit codes:
  0  nothing failed; there may be warnings
  1  something failed
  2  wrong configuration or wrong usage; nobody was asked`,
  routes: `Usage: oidc-gateway routes --config FILE [--json]

Lists what is served: host, methods, path, upstream, and what protects each
route, or OPEN where nothing does; then what the gateway itself answers beside
the routes. Vaults in the file are asked for its secrets; neither the provider
nor an upstream is contacted. Secrets are not shown.

Options:
  -c, --config FILE  the configuration file
${FOREIGN}
  --json             a line of JSON for each route; the README says what is in
                     it
  -h, --help         this text

Examples:
  oidc-gateway routes -c gateway.yaml
  oidc-gateway routes -c gateway.yaml --json | jq 'select(.open) | .uris'

Exit codes:
  0  listed, open routes or not
  1  failure while running
  2  wrong configuration or wrong usage`,
  explain: `Usage: oidc-gateway explain --config FILE --route PATH
                            [--token-file FILE | --claims FILE]

Says which route a request would take, what that requires, and whether a
caller would pass or which rule refuses, and what it found. A token is
verified as the gateway would, for which the provider may be asked; no
upstream is contacted, and sessions are not looked at. Neither the token nor
claims that no rule looks at are printed. Without a token it says what becomes
of somebody who is not known.

Options:
  -c, --config FILE  the configuration file
${ORIGINS}
                     A plugin whose file has no routes is looked at as if it
                     guarded what is asked for
${IGNORE}
  --route PATH       what is asked for: /api/users
  --method METHOD    default: GET
  --host HOST        default: localhost
  --token-file FILE  who asks: a file with an access token; - is standard
                     input, so that none stands in the history of a shell
  --token TOKEN      the same, on the command line
  --claims FILE      who asks: a file with the claims of a token, as JSON; -
                     is standard input. They are taken as they are: nothing
                     is verified
  --json             a line of JSON: method, host, url, route, verdict (pass,
                     refuse), status, code, reason, required, refusal, via,
                     verified
  -h, --help         this text

Examples:
  oidc-gateway explain -c gateway.yaml --route /api/users --token-file t.txt
  pass show token | oidc-gateway explain -c gateway.yaml --route /api/users \\
    --method POST --host api.example.com --token-file -
  oidc-gateway explain --from kong -c deck.yaml --route /api --claims c.json

Exit codes:
  0  the request would pass
  1  it would be refused, or there is no route for it
  2  wrong configuration or wrong usage`,
  import: `Usage: oidc-gateway import --from apisix FILE
       oidc-gateway import --from oauth2-proxy [FILE] [-- ARGUMENTS]
       oidc-gateway import --from kong [--route PATH --upstream URL] FILE

Prints the file as YAML of this gateway on standard output, and what is
different, line by line, on standard error. Where something is refused it
prints no YAML and exits with 2. References ($ENV://NAME, $secret://…) stay
references, and need not be set.

Options:
${FOREIGN}
  -h, --help         this text

${EXIT_CODES}`,
  sessions: `Usage: oidc-gateway sessions list   --config FILE [--sub SUBJECT]
       oidc-gateway sessions show   --config FILE --sub SUBJECT
       oidc-gateway sessions revoke --config FILE --sub SUBJECT

Shows and ends the sessions of a gateway that runs elsewhere, over the store
that the file names. Tokens and cookies are never shown. What is revoked is
over on every instance at once, open streams and logins under way included;
standard error gets a line of JSON that says who revoked what.

list and show need session.storage: redis. revoke also works with
session.coordination: redis, where sessions live in browsers and cannot be
counted.

Whose:
  --sub SUBJECT      of a user, by the provider's subject
  --sid SESSION      of a session at the provider (sid of the ID token)
  --id ID            one session, by the id that list shows
  --all              every session there is; for list this is the default.
                     revoke asks first, or needs --yes
  --issuer URL       whose subject or sid it is. Default: the provider is
                     asked, and if it is down the store is looked through
  --core ROUTE       only where this route's sessions live: "routes[0]".
                     Default: wherever there are sessions

Options:
  -c, --config FILE  the configuration file
${FOREIGN}
  --limit N          list, show: at most N sessions; 0 is no limit.
                     Default: 100
  --json             a line of JSON for each session, or each revocation
  -y, --yes          revoke: do not ask
  -h, --help         this text

Exit codes:
  0  done; list: also when there is none, revoke: also when there was none
  1  not done, or not everywhere: the store cannot be reached, sessions live
     in browsers, no answer or "no" to the question; show: there is none
  2  wrong configuration or wrong usage`
}

/** The help of a command, or of the program. */
export function helpText (command: Command | null): string {
  return command === null ? PROGRAM : HELP[command]
}
