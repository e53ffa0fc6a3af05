package rpc

import (
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// accepts is what clients of a listener may speak. A nil accepts has all, but for connections that are passed on as they are.
type accepts struct {
	protocols []string    // none: all but connections as they are
	tls       *tls.Config // that offers just these; nil: nobody may speak it
}

// listening makes a listener's ready; nil: nothing is said of it.
func (s *Settings) listening(listener string) *accepts {
	protocols := s.Protocols[listener]
	if len(protocols) == 0 && !slices.Contains(s.StrictOn, listener) {
		return nil
	}
	a := &accepts{protocols: protocols}
	if s.TLS != nil {
		a.tls = s.TLS.Clone()
		if s.strict(listener) && a.tls.ClientCAs != nil {
			a.tls.ClientAuth = tls.RequireAndVerifyClientCert
		}
		a.tls.NextProtos = nil
		if a.has2() {
			a.tls.NextProtos = append(a.tls.NextProtos, "h2")
		}
		if a.has(route.HTTP1) {
			a.tls.NextProtos = append(a.tls.NextProtos, "http/1.1")
		}
	}
	return a
}

// strict says whether clients of a listener have to speak TLS.
func (s *Settings) strict(listener string) bool {
	return s.Strict || slices.Contains(s.StrictOn, listener)
}

// offers is the TLS of a listener of which all is said that is not about protocols by all.
func (a *accepts) offers(all *tls.Config) *tls.Config {
	if a == nil || a.tls == nil {
		return all
	}
	return a.tls
}

func (a *accepts) has(protocol string) bool {
	return a == nil || len(a.protocols) == 0 || slices.Contains(a.protocols, protocol)
}

func (a *accepts) has2() bool { return a.has(route.HTTP2) || a.has(route.GRPC) }

// only is the only protocol; "": there are several.
func (a *accepts) only() string {
	if a == nil || len(a.protocols) != 1 {
		return ""
	}
	return a.protocols[0]
}

// opaque says whether connections are passed on as they are, encrypted or not.
func (a *accepts) opaque() bool { return a.only() == route.TCP }

// list are all, for who reads what was wrong.
func (a *accepts) list() string { return strings.Join(a.protocols, ", ") }

// onlyFraming is the protocol of frames that a connection speaks without being looked at; known is false where it is described nowhere.
func (c *conn) onlyFraming() (speaks framing, known bool) {
	switch only := c.accepts.only(); only {
	case route.Bolt:
		return boltFraming{}, true
	case route.Dubbo:
		return dubboFraming{}, true
	default:
		for _, p := range c.server.table.Load().described {
			if p.Name == only {
				return p, true
			}
		}
		return nil, false
	}
}

// serveOnly serves a connection whose listener accepts one protocol of frames, or connections as they are. Nothing of it is waited for.
func (c *conn) serveOnly() {
	if c.accepts.opaque() {
		c.serveTCP()
		return
	}
	speaks, known := c.onlyFraming()
	if !known {
		c.bar(c.accepts.only(), "the protocol is described nowhere")
		return
	}
	if c.setIdle(true) {
		c.serveFrames(speaks)
	}
}

// unknown is, in what is counted, a protocol that is none that is known.
const unknown = "unknown"

// bar notes that a client speaks what its listener does not accept.
func (c *conn) bar(protocol, why string) {
	c.server.observer.Barred(c.listener, protocol, why, c.addr)
}

// barred is what a client is told whose protocol its listener does not accept.
func (c *conn) barred(protocol string) string {
	return "the listener takes no calls by " + protocol + ": it accepts " + c.accepts.list()
}

// barHTTP ends a connection that begins as none of the protocols of frames do, where that is enough to know that its listener accepts no such; it returns
// whether it has. Nothing is waited for that could only tell one protocol that is not accepted from another.
func (c *conn) barHTTP(begins []byte) bool {
	a := c.accepts
	n := min(len(begins), len(http2.PrefaceHead))
	preface := string(begins[:n]) == http2.PrefaceHead[:n]
	switch {
	case a.has(route.HTTP1), a.has2() && preface:
		return false // the head tells
	case preface && n >= len("PRI"):
		c.bar2()
	case begins[0] < 'A' || begins[0] > 'Z': // with which no method begins
		why := "what comes is none of the protocols that the listener accepts: " + a.list()
		c.bar(unknown, why)
	default:
		c.bar1()
	}
	return true
}

func (c *conn) bar1() {
	why := c.barred("HTTP/1")
	c.bar(route.HTTP1, why)
	c.refuse(&http1.Error{Status: http.StatusHTTPVersionNotSupported, Why: why})
}

func (c *conn) bar2() {
	why := c.barred("HTTP/2")
	c.bar(route.HTTP2, why)
	_ = c.client.Conn.SetWriteDeadline(time.Now().Add(time.Second)) // fails only on a closed connection
	_, _ = c.client.Conn.Write(http2.AppendRefusal(nil, why))       // it ends either way
}
