package route

import (
	"fmt"
	"strings"
	"testing"
)

// What an expression finds of a path is replaced, each time, and what it makes is bounded.
func TestPathsAreRewrittenByExpressions(t *testing.T) {
	for _, c := range []struct{ regex, with, path, want string }{
		{"^/v[0-9]+/", "/", "/v12/orders/v3/x", "/orders/v3/x"},
		{"^/([^/]+)/([^/]+)$", "/$2/$1", "/orders/7", "/7/orders"},
		{"^/(?P<kind>[a-z]+)-", "/${kind}/of-", "/shop-7", "/shop/of-7"},
		{"/a", "/b", "/a/c/a", "/b/c/b"},
		{"x*", "-", "/ab", "-/-a-b-"},
		{"^/nothing", "/x", "/a%2fb", "/a%2fb"},
		{"^/price/", "/$$/", "/price/1", "/$/1"},
		{"/secret", "", "/a/secret", "/a"},
	} {
		table := compiled(t, on(fmt.Sprintf("rewrite: {regex: %q, with: %q}", c.regex, c.with)))
		if got, ok := table.Routes()[0].Rewritten([]byte(c.path)); !ok || string(got) != c.want {
			t.Errorf("%s of %s is %q, not %q", c.regex, c.path, got, c.want)
		}
	}
	table := compiled(t, on("rewrite: {regex: \".\", with: "+strings.Repeat("/x", 500)+"}"))
	if got, ok := table.Routes()[0].Rewritten([]byte(strings.Repeat("/", 1000))); ok {
		t.Errorf("it makes %d bytes", len(got))
	}
}
