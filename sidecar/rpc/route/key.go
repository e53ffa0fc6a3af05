package route

import (
	"bytes"
	"strings"

	"github.com/heddle-mesh/heddle/governance/balance"
)

// Key is by what calls go to the endpoint where their like went before; see Balance.By.
func (b *Balance) Key(c Call, client string) (key uint64, ok bool) {
	kind, name, _ := strings.Cut(b.By, ":")
	switch kind {
	case "source":
		return balance.Hash([]byte(client)), true
	case "path":
		return balance.Hash(c.Path()), true
	case "header":
		if v, ok := c.Header(strings.ToLower(name)); ok {
			return balance.Hash(v), true
		}
	case "cookie":
		if v, ok := c.Header("cookie"); ok {
			return cookie(v, name)
		}
	}
	return 0, false
}

// cookie finds the one of that name in a field of them.
func cookie(field []byte, name string) (key uint64, ok bool) {
	for more := true; more; {
		var pair []byte
		pair, field, more = bytes.Cut(field, []byte{';'})
		if k, v, is := bytes.Cut(bytes.TrimSpace(pair), []byte{'='}); is && string(k) == name {
			return balance.Hash(v), true
		}
	}
	return 0, false
}

func (c *checker) balance(at string, b *Balance) {
	if _, given := b.Properties["declared"]; given {
		c.problem(at+".properties", "declared is counted among the cluster's endpoints")
		return
	}
	p, err := balance.New(b.policy(), b.Properties, []balance.Endpoint{{Load: &balance.Load{}}})
	if err != nil {
		c.problem(at, "%v", err)
		return
	}
	_, keyed := p.(balance.Keyed)
	kind, name, named := strings.Cut(b.By, ":")
	switch {
	case !keyed && b.By != "":
		c.problem(at+".by", "%s chooses by no key", b.policy())
	case keyed && b.By == "":
		c.problem(at, "%s chooses by a key: give by", b.policy())
	case !keyed, (kind == "header" || kind == "cookie") && name != "", (kind == "source" || kind == "path") && !named:
	default:
		c.problem(at+".by", "a key is header:NAME, cookie:NAME, source or path, not %q", b.By)
	}
}
