package route

import (
	"regexp"
	"strings"
)

// Rewrite changes what the server is asked for.
type Rewrite struct {
	Prefix string `yaml:"prefix"` // in place of path.prefix
	Regex  string `yaml:"regex"`  // RE2; each part of the path that it finds is replaced by With
	With   string `yaml:"with"`   // $1 or ${name} are what its groups have found, $$ is a $
	Host   string `yaml:"host"`
}

// MostRewritten is how long a path that is made by an expression may be.
const MostRewritten = 64 << 10

// Rewrites says whether a path is made by an expression.
func (r *Route) Rewrites() bool { return r.rewrite != nil }

// Rewritten is the path that the expression makes of one; false: it would be longer than one may be.
func (r *Route) Rewritten(path []byte) (out []byte, ok bool) {
	with, from := []byte(r.Rewrite.With), 0
	for _, found := range r.rewrite.FindAllSubmatchIndex(path, -1) {
		out = append(out, path[from:found[0]]...)
		if out = r.rewrite.Expand(out, with, path, found); len(out) > MostRewritten {
			return nil, false
		}
		from = found[1]
	}
	out = append(out, path[from:]...)
	return out, len(out) <= MostRewritten
}

// mostExpression is how long an expression that rewrites may be, and what it puts in place.
const mostExpression = 1024

func (c *checker) rewrite(at string, r *Rule) {
	w := &r.Rewrite
	at += ".rewrite"
	if w.Prefix != "" && (r.Path == nil || r.Path.Prefix == "" || w.Prefix[0] != '/') {
		c.problem(at, "a prefix, which begins with /, takes the place of path.prefix only")
	}
	c.text(at, w.Host)
	switch {
	case w.Regex == "" && w.With != "":
		c.problem(at+".with", "with is in place of what a regex finds: give regex")
	case w.Regex == "":
		return
	case w.Prefix != "":
		c.problem(at, "a path is rewritten by one of prefix and regex")
	case r.To == nil:
		c.problem(at+".regex", "what a server is asked for is rewritten: give to")
	}
	if len(w.Regex) > mostExpression || len(w.With) > mostExpression {
		c.problem(at, "regex and with have %d bytes at most", mostExpression)
		return
	}
	re, err := regexp.Compile(w.Regex)
	if err != nil {
		c.problem(at+".regex", "%v", err)
		return
	}
	if strings.ContainsFunc(w.With, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '?' || r == '#' }) {
		c.problem(at+".with", "%q has what no path has: a space, a ?, a #, or a character that is to be encoded", w.With)
	}
	for _, name := range groups(w.With) {
		if known := re.SubexpIndex(name); known < 0 && !numbered(name, re.NumSubexp()) {
			c.problem(at+".with", "the expression has no group %s; what follows $ is taken as far as it could be a name: write ${1}x", name)
		}
	}
}

// template finds what regexp's Expand takes for the name of a group.
var template = regexp.MustCompile(`\$(\$|[0-9A-Za-z_]+|\{[^}]*\}?)?`)

// groups are the groups that a text names, as regexp's Expand has them.
func groups(with string) (names []string) {
	for _, found := range template.FindAllStringSubmatch(with, -1) {
		if found[1] != "$" {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(found[1], "{"), "}"))
		}
	}
	return names
}

// numbered says whether a name is the number of one of n groups, or of all that is found.
func numbered(name string, n int) bool {
	i := 0
	for _, c := range name {
		if c < '0' || c > '9' || i > n {
			return false
		}
		i = i*10 + int(c-'0')
	}
	return name != "" && i <= n
}
