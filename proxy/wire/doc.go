// Package wire is the MySQL protocol as bytes: packet framing, compression, the handshake and its
// authentication arithmetic, commands, and the packets of results. It reads from an io.Reader and writes to an
// io.Writer that somebody else opened; it never dials, listens, sets a deadline or logs, and it knows nothing of
// sessions, pools or plans.
//
// Level: the lowest of the proxy. proxy/backend and proxy/server build connections on it.
//
// Three rules hold throughout:
//
//   - a length that comes from the network is compared with the bytes that are there before anything is allocated;
//   - a decoded message may alias the packet it was decoded from, and a packet is valid until the next call on its
//     Reader; whoever keeps something longer copies it;
//   - messages know their direction: a ServerStream does not accept what only a client may say.
//
// Sources: the MySQL "Client/Server Protocol" pages and the MariaDB knowledge base ("Clientserver protocol").
package wire
