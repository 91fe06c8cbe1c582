# A server over TLS that takes tickets only if they are tied to its certificate (RFC 5929), as the
# machine's GSSAPI library judges it. Writes its port, then for each request what it thought of it.
#
#   bound.py ADDRESS LEAF-AND-KEY FILE LOG
import base64, hashlib, http.server, ssl, sys
import gssapi

address, leaf, content, log = sys.argv[1:]
der = ssl.PEM_cert_to_DER_cert(open(leaf).read().split("-----BEGIN PRIVATE KEY-----")[0])
data = b"tls-server-end-point:" + hashlib.sha256(der).digest()
bindings = gssapi.raw.ChannelBindings(application_data=data)
credentials = gssapi.Credentials(usage="accept")
CHANNEL_BOUND = 0x800


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def judged(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Negotiate":
            return "nobody", ""
        context = gssapi.SecurityContext(creds=credentials, usage="accept", channel_bindings=bindings)
        try:
            answer = context.step(base64.b64decode(token)) or b""
        except gssapi.exceptions.GSSError as error:
            return "wrong: " + str(error).replace("\n", " "), ""
        bound = int(context.actual_flags) & CHANNEL_BOUND
        proof = " " + base64.b64encode(answer).decode()
        return (f"bound: {context.initiator_name}" if bound else "free"), proof

    def do_GET(self):
        thought, proof = self.judged()
        with open(log, "a") as lines:
            lines.write(thought + "\n")
        known = thought.startswith("bound")
        body = open(content, "rb").read() if known else b"no\n"
        self.send_response(200 if known else 401)
        self.send_header("WWW-Authenticate", "Negotiate" + (proof if known else ""))
        self.send_header("ETag", '"b"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer((address, 0), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(leaf)
server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
