package session

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// setCollation makes the collation that a client asks for at its login the connection's. One that the servers do not
// have becomes the default one of its charset, or of utf8mb4.
func (s *Session) setCollation(id uint16) {
	charset, collation, ok := s.srv.collation(id)
	if !ok {
		other := wire.MySQL // the client may mean the other family's
		if !s.srv.Flavour.MariaDB {
			other = wire.MariaDB
		}
		charset, collation = "utf8mb4", "utf8mb4_general_ci"
		if meant, known := wire.CollationByID(id, other); known {
			if c, has := wire.DefaultCollation(meant.Charset); has && s.srv.Collations[c.ID] != "" {
				charset, collation = c.Charset, s.srv.Collations[c.ID]
			}
		}
	}
	if c, known := wire.DefaultCollation(charset); known && s.srv.Collations[c.ID] == collation {
		// A login names a charset's default collation where it means the charset: MariaDB then takes the configured one.
		if configured := s.srv.Initial.CharsetCollations[charset]; configured != "" {
			collation = configured
		}
	}
	s.state.SetVar("character_set_client", quoted(charset))
	s.state.SetVar("character_set_connection", quoted(charset))
	s.state.SetVar("character_set_results", quoted(charset))
	s.state.SetVar("collation_connection", quoted(collation))
}

// described is the collation by which servers describe texts that they convert to a charset.
func (s *Session) described(charset string) (wire.Collation, bool) {
	collation, ok := s.state.Var(backend.DescribedCollation)
	if !ok {
		collation, _ = s.state.Var("collation_connection")
	}
	f := wire.MySQL
	if s.srv.Flavour.MariaDB {
		f = wire.MariaDB
	}
	c, ok := wire.CollationByName(plainText(collation), f)
	if !ok || c.Charset != charset {
		return wire.DefaultCollation(charset)
	}
	if s.srv.Flavour.MariaDB && c.ID > maxDescribed {
		return wire.CollationByName(charset+"_unicode_ci", f)
	}
	return c, true
}

// describes takes note of the collation by which a server has described a text that it has sent the client.
func (s *Session) describes(id uint16) {
	charset, collation, ok := s.srv.collation(id)
	connection, set := s.state.Var("collation_connection")
	if !ok || !set || charset != s.resultsCharset() || plainText(connection) == collation {
		s.state.UnsetVar(backend.DescribedCollation)
		return
	}
	s.state.SetVar(backend.DescribedCollation, quoted(collation))
}

// maxDescribed is the greatest id that MariaDB puts into the definitions of columns: for the newer collations, which older
// clients do not know, it names the charset's unicode_ci.
const maxDescribed = 2047

// unconverted has servers send texts as they are, in their own charsets, until restore is called: rows that are compared,
// computed with or stored again before they, or what is made of them, are converted to the client's charset, which may
// lack characters of theirs. Where the client's is utf8mb4 nothing is lost, and connections are left as they are.
func (s *Session) unconverted() (restore func()) {
	const name = "character_set_results"
	results, set := s.state.Var(name)
	connection, chosen := s.state.Var("character_set_connection")
	switch {
	case set && strings.EqualFold(results, "NULL"):
		return func() {}
	case s.resultsCharset() == "utf8mb4" && !strings.EqualFold(plainText(results), "binary") && (!chosen || plainText(connection) == "utf8mb4"):
		return func() {} // of another connection's charset MariaDB converts JSON_ARRAYAGG twice
	}
	wide, shown := s.wide, s.shownIn
	s.wide, s.shownIn = nil, s.resultsCharset()
	back := s.override(name, "NULL")
	return func() {
		back()
		s.wide, s.shownIn = wide, shown
	}
}

// clientCharset is the charset in which the client writes.
func (s *Session) clientCharset() string {
	if client, set := s.state.Var("character_set_client"); set {
		return plainText(client)
	}
	return s.srv.Initial.Charset
}

// connectionCharset is that of the literals, whatever the client writes in.
func (s *Session) connectionCharset() string {
	if connection, set := s.state.Var("character_set_connection"); set {
		return plainText(connection)
	}
	return s.srv.Initial.Charset
}

// beyondASCII reports whether a text has other characters than ASCII's.
func beyondASCII(text []byte) bool {
	return slices.ContainsFunc(text, func(c byte) bool { return c >= utf8.RuneSelf })
}

// writesIn reports whether the client writes literals in the charset of a collation.
func (s *Session) writesIn(collation uint16) bool {
	charset, _, ok := s.srv.collation(collation)
	if charset == "binary" {
		return true // what is joined with byte strings is one
	}
	client := s.clientCharset()
	return ok && (client == charset || client == "utf8mb3" && charset == "utf8mb4")
}

func quoted(name string) string { return "'" + name + "'" }

// collation names a collation that the servers have, and its charset as they call it.
func (srv *Server) collation(id uint16) (charset, collation string, ok bool) {
	collation, ok = srv.Collations[id]
	if !ok {
		return "", "", false
	}
	f := wire.MySQL
	if srv.Flavour.MariaDB {
		f = wire.MariaDB
	}
	c, ok := wire.CollationByID(id, f)
	return c.Charset, collation, ok
}
