# The edge runtime's own configuration of a worker that may call any address: the test's server is on loopback.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ( name = "main",
      worker = (
        modules = [
          # A bundler may leave exports of its own in a program. A worker may export handlers only.
          ( name = "main.js", esModule = "export { default } from './program.js';" ),
          ( name = "program.js", esModule = embed "{PROGRAM}.js" ),
          ( name = "toy.gguf", data = embed "toy.gguf" ),
        ],
        compatibilityDate = "2026-01-01",
        # A viewer that leaves aborts the request's signal. Only the contract suite needs modules of Node.
        compatibilityFlags = ["enable_request_signal"{FLAGS}],
        bindings = [ ( name = "ORIGIN", text = "{ORIGIN}" ) ],
        globalOutbound = "anywhere",
      ) ),
    ( name = "anywhere", network = ( allow = ["public", "private", "local"] ) ),
  ],
  sockets = [ ( name = "http", address = "127.0.0.1:0", http = (), service = "main" ) ],
);
