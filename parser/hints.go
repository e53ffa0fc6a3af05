package parser

import "strings"

// hints reads the hints among the comments: heddle(…) of any comment, and of /*+ … */ the names of all. What ShardingSphere,
// MaxScale and ProxySQL read as hints are some too.
func (st *Statement) hints(comments []Span) {
	for i, c := range comments {
		body := c.In(st.Text)
		if !strings.HasPrefix(body, "/*") { // up to the end of the line
			st.scaleHint(strings.TrimLeft(body, "#-"), c)
			continue
		}
		body = body[2 : len(body)-2]
		optimizer := strings.HasPrefix(body, "+")
		body = strings.TrimSpace(strings.TrimPrefix(body, "+"))
		if st.sphereHint(body, c) || st.scaleHint(body, c) || i == 0 && st.proxyHint(body, c) {
			continue
		}
		for body != "" {
			name, args, rest, ok := hintCall(body)
			if !ok {
				if len(body) >= 7 && strings.EqualFold(body[:7], "heddle(") {
					st.Hints = append(st.Hints, Hint{Key: "heddle.", Value: body, Span: c, Malformed: true})
				}
				break
			}
			start := c.Start + strings.Index(st.Text[c.Start:c.End], body)
			at := Span{start, start + len(body) - len(rest)}
			body = rest
			switch {
			case name == "heddle" && strings.HasSuffix(strings.TrimRight(at.In(st.Text), ", \t\r\n"), ")"):
				st.ownHints(args, c, at)
			case optimizer:
				st.Hints = append(st.Hints, Hint{Key: name, Value: args, Span: c})
			}
			if !optimizer && name != "heddle" {
				break
			}
		}
	}
}

// sphereHint reads /* SHARDINGSPHERE_HINT: key=value, … */.
func (st *Statement) sphereHint(body string, c Span) bool {
	const name = "SHARDINGSPHERE_HINT:"
	if len(body) < len(name) || !strings.EqualFold(body[:len(name)], name) {
		return false
	}
	st.pairsOf("shardingsphere.", body[len(name):], c, Span{})
	return true
}

// scaleHint reads -- maxscale route to master, or to slave, and max_slave_replication_lag=seconds. What else MaxScale reads, names of its servers
// and hints that are kept for later statements, means nothing here.
func (st *Statement) scaleHint(body string, c Span) bool {
	words := strings.Fields(strings.ToLower(body))
	if len(words) == 0 || words[0] != "maxscale" {
		return false
	}
	const lag = "max_slave_replication_lag="
	switch rest := strings.Join(words[1:], ""); {
	case len(words) == 4 && words[1] == "route" && words[2] == "to" && (words[3] == "master" || words[3] == "slave"):
		st.Hints = append(st.Hints, Hint{Key: "maxscale.route", Value: words[3], Span: c})
	case strings.HasPrefix(rest, lag):
		st.Hints = append(st.Hints, Hint{Key: "maxscale.max_lag", Value: rest[len(lag):], Span: c})
	}
	return true
}

// proxyHint reads what ProxySQL reads in the first comment of a statement: pairs key=value with ; between them. It reports whether the comment has
// nothing else; what it takes no part of, such as cache_ttl, has no meaning here.
func (st *Statement) proxyHint(body string, c Span) (all bool) {
	all = body != ""
	for piece := range strings.SplitSeq(body, ";") {
		k, v, ok := strings.Cut(piece, "=")
		k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
		switch {
		case k == "hostgroup" && v != "", k == "min_gtid" && v != "", k == "max_lag_ms" && v != "":
			st.Hints = append(st.Hints, Hint{Key: "proxysql." + k, Value: v, Span: c})
		case !ok && strings.TrimSpace(piece) != "" || strings.Contains(piece, "("):
			all = false
		}
	}
	return all
}

// hintCall reads name(args) or name from the front of s; args may hold parentheses and quotes.
func hintCall(s string) (name, args, rest string, ok bool) {
	i := 0
	for i < len(s) && (identByte[s[i]]) {
		i++
	}
	if i == 0 {
		return "", "", "", false
	}
	name = strings.ToLower(s[:i])
	after := strings.TrimLeft(s[i:], " \t\r\n")
	if !strings.HasPrefix(after, "(") {
		return name, "", strings.TrimLeft(after, ", \t\r\n"), true
	}
	depth, q := 0, byte(0)
	for j := range len(after) {
		c := after[j]
		switch {
		case q != 0:
			if c == q {
				q = 0
			}
		case c == '\'' || c == '"' || c == '`':
			q = c
		case c == '(':
			depth++
		case c == ')':
			depth--
			if depth == 0 {
				return name, strings.TrimSpace(after[1:j]), strings.TrimLeft(after[j+1:], ", \t\r\n"), true
			}
		}
	}
	return "", "", "", false
}

// ownHints reads what stands in heddle(…).
func (st *Statement) ownHints(args string, c, at Span) {
	if strings.TrimSpace(args) == "" {
		st.Hints = append(st.Hints, Hint{Key: "heddle.", Span: c, At: at, Malformed: true})
		return
	}
	st.pairsOf("heddle.", args, c, at)
}

// pairsOf reads key=value pairs, joined by commas; a key alone has the value "". Quotes around a value are taken off.
func (st *Statement) pairsOf(prefix, args string, c, at Span) {
	for args != "" {
		end, q := len(args), byte(0)
		for j := range len(args) {
			b := args[j]
			if q != 0 {
				if b == q {
					q = 0
				}
			} else if b == '\'' || b == '"' || b == '`' {
				q = b
			} else if b == ',' {
				end = j
				break
			}
		}
		pair := args[:end]
		args = strings.TrimPrefix(args[end:], ",")
		k, v, ok := strings.Cut(pair, "=")
		v = strings.TrimSpace(v)
		if n := len(v); n >= 2 && v[0] == v[n-1] && strings.IndexByte("'\"`", v[0]) >= 0 {
			v = v[1 : n-1]
		}
		k = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(k), "`", ""))
		st.Hints = append(st.Hints, Hint{Key: prefix + k, Value: v, Span: c, At: at, Malformed: k == "" || !ok || v == ""})
	}
}
