// Package gtid holds global transaction ids and how far a server has come by them (Position): of MariaDB the last transaction
// of each domain (Domains), of MySQL the set of all (Set). It reads, compares and writes them, and words the question by which
// a server waits for them; it asks no server. Level: internal.
package gtid

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Position is how far a server has come. One of its parts is empty: no server has both. The zero value is nothing, which every
// server has.
type Position struct {
	Domains Domains // of MariaDB
	Set     Set     // of MySQL
}

// Parse reads what servers say: @@gtid_binlog_pos and its kin, or @@gtid_executed and its kin.
func Parse(text string) (Position, error) {
	if strings.Contains(text, ":") {
		s, err := ParseSet(text)
		return Position{Set: s}, err
	}
	d, err := ParseDomains(text)
	return Position{Domains: d}, err
}

// Note is p with the transactions of which an OK packet tells: one of MariaDB's, or a set of MySQL's. p may be changed in
// place. False: the text is neither. It allocates nothing where p has the domain, or the source and what comes before.
func (p Position) Note(text []byte) (Position, bool) {
	if bytes.IndexByte(text, ':') >= 0 {
		s, ok := p.Set.note(text)
		p.Set = s
		return p, ok
	}
	g, ok := ParseOne(text)
	if ok {
		p.Domains = p.Domains.With(g)
	}
	return p, ok
}

// IsZero reports whether p is nothing.
func (p Position) IsZero() bool { return len(p.Domains) == 0 && len(p.Set) == 0 }

// Covers reports whether a server at p has all that q has.
func (p Position) Covers(q Position) bool { return p.Domains.Covers(q.Domains) && p.Set.Covers(q.Set) }

// Merge is p with all of q in it; p may be changed in place.
func (p Position) Merge(q Position) Position {
	return Position{p.Domains.Merge(q.Domains), p.Set.Merge(q.Set)}
}

// Clone is a copy.
func (p Position) Clone() Position { return Position{p.Domains.Clone(), p.Set.Clone()} }

// String is p as servers write it, without spaces.
func (p Position) String() string {
	if len(p.Set) > 0 {
		return p.Set.String()
	}
	return p.Domains.String()
}

// Wait is a query that answers when the server has all of p, or most is over; a millisecond at the least, for to MySQL 0 is for
// ever. Its one value is 0 if the server has it. p is not nothing: nobody waits for that.
func (p Position) Wait(most time.Duration) string {
	function := "MASTER_GTID_WAIT"
	if len(p.Set) > 0 {
		function = "WAIT_FOR_EXECUTED_GTID_SET"
	}
	return fmt.Sprintf("SELECT %s('%s',%.3f)", function, p, max(most, time.Millisecond).Seconds())
}
