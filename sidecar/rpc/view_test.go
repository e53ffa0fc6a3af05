package rpc

import (
	"reflect"
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
		{Name: "one", Match: "GET|PUT x.example /a k: v ?q=1", Action: "a"}, {Name: "2", Match: "~/n/[0-9]+", Action: "a 9, b 1"}, {Name: "3", Match: "/old/…", Action: "redirect"}, {Name: "4", Action: "respond 204"},
	}
	for i := range want {
		if !reflect.DeepEqual(v.Routes[i], want[i]) {
			t.Errorf("%+v, want %+v", v.Routes[i], want[i])
		}
	}
	if c := v.Clusters; len(c) != 2 || c[0].Balance != "round_robin" || c[1].Balance != "maglev by path" || c[1].Endpoints[0].State != "up" {
		t.Errorf("clusters %+v", c)
	}
}
