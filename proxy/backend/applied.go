package backend

import (
	"slices"
	"strings"
)

const (
	connectCharset     = "utf8mb4"
	connectCollation   = "utf8mb4_general_ci"
	connectCollationID = 45

	varClient    = "character_set_client"
	varResults   = "character_set_results"
	varCharset   = "character_set_connection"
	varCollation = "collation_connection"
	varDescribed = DescribedCollation
)

// DescribedCollation is no variable of a server's: the collation by which it describes the texts that it sends, which SET NAMES
// sets beside the connection's and nothing shows. Where a State does not have it, it is the connection's.
const DescribedCollation = "described collation"

// initial is what sets a variable back to what it was when the connection was new. For most that is the value that all
// servers are given, or else DEFAULT, the server's global value; the login itself sets some.
func (a *applied) initial(name string) string {
	flags := a.flags
	base, ok := a.base[newName(name)]
	switch {
	case ok && name == "sql_mode" && flags&FlagIgnoreSpace != 0:
		return withIgnoreSpace(base)
	case ok:
		return base
	case name == varClient || name == varResults || name == varCharset:
		return connectCharset
	case name == varCollation:
		return connectCollation
	case name == "sql_mode" && flags&FlagIgnoreSpace != 0:
		return "CONCAT(@@global.sql_mode,',IGNORE_SPACE')"
	case name == "wait_timeout" && flags&FlagInteractive != 0:
		return "@@global.interactive_timeout"
	}
	return "DEFAULT"
}

// stickyVars cannot be set back: a connection that was given one is not lent again.
var stickyVars = map[string]bool{
	"insert_id": true, "rand_seed1": true, "rand_seed2": true, "pseudo_thread_id": true, "gtid_next": true,
	"gtid_seq_no": true, "server_id": true, "skip_replication": true, "pseudo_slave_mode": true,
	"pseudo_replica_mode": true, "sql_log_bin": true, "gtid_domain_id": true, "last_insert_id": true, "identity": true,
	"character_set_database": true, "collation_database": true,
}

// dialectVars are the variables under which the text of a prepared statement was read and its columns were defined.
var dialectVars = []string{
	"sql_mode", "character_set_client", varCharset, varCollation, "character_set_results", "group_concat_max_len",
	"div_precision_increment", varDescribed,
}

// unknownSchema is no schema's name: it makes the next hand-over select one.
const unknownSchema = "\x00"

// maxUserVarBytes is what a connection may carry of other sessions' user variables when it goes back to the pool.
const maxUserVarBytes = 64 << 10

// applied is what a connection has been given: the counterpart of a State.
type applied struct {
	id      *byte // of the State that was applied last, in all but user variables
	version uint64
	userID  *byte // the same for user variables
	userVer uint64

	schema    string
	vars      map[string]string
	user      map[string]string
	userBytes int
	dialect   string // the values of dialectVars, joined

	// What the connection was when it was new.
	flags   Flags
	flavour Flavour
	base    map[string]string // what was set right after the login
}

// has reports whether nothing of s is left to be set.
func (a *applied) has(s *State, need Need) bool {
	return a.id == s.id && a.version == s.version && (s.schema == "" || a.schema == s.schema) &&
		(need&NeedUserVars == 0 || a.userID == s.id && a.userVer == s.version) && need&NeedLastInsertID == 0
}

// likes is a cheap guess at how little is to be set for s: whether the State that was applied last is s itself, or
// has the same schema and as many variables.
func (a *applied) likes(s *State) bool {
	return s == nil || s.fits(a.schema) && (a.id == s.id || len(a.vars) == len(s.vars))
}

// forget makes the next hand-over compare everything.
func (a *applied) forget() { a.id, a.userID = nil, nil }

// adopt records that the connection now has all of s but its user variables (and those too if need says so).
func (a *applied) adopt(s *State, need Need) {
	if s.schema != "" {
		a.schema = s.schema
	}
	copyInto(a.vars, s.vars)
	a.id, a.version = s.id, s.version
	a.dialect = dialectOf(a.vars)
	if need&NeedUserVars != 0 {
		copyInto(a.user, s.user)
		a.userID, a.userVer = s.id, s.version
		a.userBytes = 0
		for k, v := range a.user {
			a.userBytes += len(k) + len(v)
		}
	}
}

func copyInto(dst, src map[string]string) {
	for k := range dst {
		if _, ok := src[k]; !ok {
			delete(dst, k)
		}
	}
	for k, v := range src {
		dst[k] = v
	}
}

func dialectOf(vars map[string]string) string {
	var b strings.Builder
	for _, name := range dialectVars {
		b.WriteString(vars[name])
		b.WriteByte(0)
	}
	if b.Len() == len(dialectVars) {
		return ""
	}
	return b.String()
}

// difference appends to b the assignments that turn what is applied into s, for one SET statement, without the word
// SET; nothing if there is no difference.
func (a *applied) difference(b []byte, s *State, need Need) []byte {
	pair := false
	names := slices.DeleteFunc(differing(a.vars, s.vars), Tracks)
	if slices.ContainsFunc(names, isCharsetVar) {
		if set, ok := a.setNames(s); ok {
			b = append(b, set...)
			names = slices.DeleteFunc(names, isCharsetVar)
		}
	}
	for _, name := range names {
		if name == varCharset || name == varCollation {
			pair = true
			continue
		}
		if name == varDescribed { // a charset of results alone brings its default
			continue
		}
		b = assign(b, a.flavour.nameFor(name), a.valueOf(name, s))
	}
	if pair {
		b = a.assignPair(b, s)
	}
	if need&NeedUserVars != 0 {
		for _, name := range differing(a.user, s.user) {
			variable := "@`" + strings.ReplaceAll(name, "`", "``") + "`"
			value, ok := s.user[name]
			if !ok {
				// NULL alone leaves the variable the type that it had: @a + 1 would be an integer for the next session too.
				b = assign(b, variable, "x''")
				value = "NULL"
			}
			b = assign(b, variable, value)
		}
	}
	return b
}

func isCharsetVar(name string) bool {
	return name == varClient || name == varResults || name == varCharset || name == varCollation || name == varDescribed
}

// setNames is SET NAMES, without the word SET, where it says what s wants. It is preferred: it gives results, too, the
// collation, which servers then write into the definitions of columns, as they do after a login or a SET NAMES.
func (a *applied) setNames(s *State) (string, bool) {
	charset := unquoted(a.valueOf(varClient, s))
	if unquoted(a.valueOf(varResults, s)) != charset || unquoted(a.valueOf(varCharset, s)) != charset {
		return "", false
	}
	_, hasCharset := s.vars[varCharset]
	_, hasCollation := s.vars[varCollation]
	if hasCharset && !hasCollation {
		return "", false // the collation is the server's default for the charset
	}
	collation := unquoted(a.valueOf(varCollation, s))
	if collation != charset && !strings.HasPrefix(collation, charset+"_") {
		return "", false
	}
	described, ok := s.vars[varDescribed]
	if described = unquoted(described); !ok || described == collation || !strings.HasPrefix(described, charset+"_") {
		return "NAMES '" + charset + "' COLLATE '" + collation + "'", true
	}
	return "NAMES '" + charset + "' COLLATE '" + described + "'," + varCollation + "='" + collation + "'", true
}

func unquoted(literal string) string { return strings.ToLower(strings.Trim(literal, "'")) }

// assignPair sets the connection's charset and collation. They set each other: a charset brings the server's default
// collation for it, which is not what the login chose, and a collation its charset. So none is set without regard to
// the other.
func (a *applied) assignPair(b []byte, s *State) []byte {
	_, charset := s.vars[varCharset]
	_, collation := s.vars[varCollation]
	if charset {
		b = assign(b, varCharset, a.valueOf(varCharset, s))
	}
	if collation || !charset {
		b = assign(b, varCollation, a.valueOf(varCollation, s))
	}
	return b
}

func (a *applied) valueOf(name string, s *State) string {
	if v, ok := s.vars[name]; ok {
		return v
	}
	return a.initial(name)
}

func assign(b []byte, name, value string) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return append(append(append(b, name...), '='), value...)
}

// differing lists the names that are in one map only or have other values, in order.
func differing(have, want map[string]string) []string {
	var names []string
	for k, v := range have {
		if w, ok := want[k]; !ok || w != v {
			names = append(names, k)
		}
	}
	for k := range want {
		if _, ok := have[k]; !ok {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}
