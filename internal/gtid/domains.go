package gtid

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// GTID is one of MariaDB's transactions: domain-server-sequence.
type GTID struct {
	Domain, Server uint32
	Seq            uint64
}

// Domains are the last transactions of each of MariaDB's domains, in the order of the domains. Within a domain transactions are
// applied in one order, so that a server which has one has all before it.
type Domains []GTID

// ParseOne reads one id, without allocating.
func ParseOne[T string | []byte](text T) (GTID, bool) {
	var parts [3]uint64
	at, digits := 0, 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits > 19 {
				return GTID{}, false
			}
			parts[at] = parts[at]*10 + uint64(c-'0')
		case c == '-' && digits > 0 && at < 2:
			at, digits = at+1, 0
		default:
			return GTID{}, false
		}
	}
	if at != 2 || digits == 0 || parts[0] > 1<<32-1 || parts[1] > 1<<32-1 {
		return GTID{}, false
	}
	return GTID{uint32(parts[0]), uint32(parts[1]), parts[2]}, true
}

// ParseDomains reads what @@gtid_binlog_pos and its kin say: ids joined by commas, or nothing. Of several ids of one domain, which
// @@gtid_binlog_state has, the last counts.
func ParseDomains(text string) (Domains, error) {
	var p Domains
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		g, ok := ParseOne(part)
		if !ok {
			return nil, fmt.Errorf("%q is no GTID", part)
		}
		p = p.With(g)
	}
	return p, nil
}

// String is p as servers write it.
func (p Domains) String() string {
	var b []byte
	for i, g := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = g.append(b)
	}
	return string(b)
}

// String is g as servers write it.
func (g GTID) String() string { return string(g.append(nil)) }

func (g GTID) append(b []byte) []byte {
	b = append(strconv.AppendUint(b, uint64(g.Domain), 10), '-')
	b = append(strconv.AppendUint(b, uint64(g.Server), 10), '-')
	return strconv.AppendUint(b, g.Seq, 10)
}

// With is p with g in it, unless p has come further in that domain. p is changed in place where it has the domain.
func (p Domains) With(g GTID) Domains {
	i, ok := slices.BinarySearchFunc(p, g.Domain, func(have GTID, domain uint32) int { return cmp.Compare(have.Domain, domain) })
	switch {
	case !ok:
		return slices.Insert(p, i, g)
	case p[i].Seq < g.Seq:
		p[i] = g
	}
	return p
}

// Merge is p with all of q in it; p may be changed in place.
func (p Domains) Merge(q Domains) Domains {
	for _, g := range q {
		p = p.With(g)
	}
	return p
}

// Covers reports whether a server at p has all that q has.
func (p Domains) Covers(q Domains) bool {
	i := 0
	for _, want := range q {
		for i < len(p) && p[i].Domain < want.Domain {
			i++
		}
		if i == len(p) || p[i].Domain != want.Domain || p[i].Seq < want.Seq {
			return false
		}
	}
	return true
}

// Clone is a copy.
func (p Domains) Clone() Domains { return slices.Clone(p) }
