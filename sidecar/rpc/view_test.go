package rpc

import (
	"testing"
)

func TestRoutesInWords(t *testing.T) {
	_, srv, _ := proxy(t, testSettings, `
clusters: {a: {endpoints: ["127.0.0.1:1"]}, b: {endpoints: ["127.0.0.1:2"], balance: {policy: maglev, by: path}}}
routes:
- {name: one, methods: [GET, PUT], hosts: [x.example], path: {exact: /a}, headers: {k: v}, query: {q: "1"}, to: a}
- {path: {regex: "/n/[0-9]+"}, to: {a: 9, b: 1}}
- {path: {prefix: /old/}, redirect: {host: new.example}}
- {respond: {status: 204}}
`)
	v := srv.View()
	want := []RouteView{
		{"one", "GET|PUT x.example /a k: v ?q=1", "a", nil}, {"2", "~/n/[0-9]+", "a 9, b 1", nil}, {"3", "/old/…", "redirect", nil}, {"4", "", "respond 204", nil},
	}
	for i := range want {
		if v.Routes[i] != want[i] {
			t.Errorf("%+v, want %+v", v.Routes[i], want[i])
		}
	}
	if c := v.Clusters; len(c) != 2 || c[0].Balance != "round_robin" || c[1].Balance != "maglev by path" || c[1].Endpoints[0].State != "up" {
		t.Errorf("clusters %+v", c)
	}
}
