package rpc

import "testing"

// Calls go to the part of a cluster that their route names, or that they name themselves, as long as somebody is there.
func TestSubsets(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		old, next, plain := d.serve(t, well), d.serve(t, well), d.serve(t, well)
		addr, s, w := d.proxied(t, nil, `clusters:
  one: {PROTOCOL, endpoints: [{address: %q, labels: {version: v1, stage: live}}, {address: %q, labels: {version: v2}}, {address: %q}],
    subsets: {base: {version: v1, stage: live}, blue: {version: v2}, none: {version: v3}}}
routes:
  - {path: {prefix: /split}, to: {one/base: 1, one/blue: 1}}
  - {path: {prefix: /blue}, to: one/blue}
  - {path: {prefix: /none}, to: one/none}
  - {path: {prefix: /asked}, subset_by: "header:version", to: one/base}
  - {path: {prefix: /any}, to: one}
`, old, next, plain)
		call, n := d.dial(t, addr), 0
		ask := func(service string, pairs ...string) (endpoint, cluster string, status int) {
			call(service, 0, pairs...)
			n++
			done := w.nth(t, n)
			return done.Endpoint, done.Cluster, done.Status
		}
		met := map[string]bool{}
		for range 30 {
			endpoint, cluster, _ := ask("split")
			met[cluster+" "+endpoint] = true
			endpoint, _, _ = ask("any")
			met[endpoint] = true
		}
		for _, want := range []string{"one/base " + old, "one/blue " + next, old, next, plain} {
			if !met[want] {
				t.Errorf("nothing went to %s", want)
			}
			delete(met, want)
		}
		if len(met) > 0 {
			t.Errorf("calls went to %v too", met)
		}
		for _, c := range []struct {
			service, version, endpoint string
			status                     int
		}{
			{"blue", "base", next, 200}, {"none", "", "", 503}, {"asked", "", old, 200}, {"asked", "blue", next, 200},
			{"asked", "none", old, 200}, {"asked", "unheard-of", old, 200}, {"asked", "base", old, 200},
		} {
			if endpoint, _, status := ask(c.service, "version", c.version); endpoint != c.endpoint || status != c.status {
				t.Errorf("%s, version %q: %s, status %d", c.service, c.version, endpoint, status)
			}
		}
		if v := s.View(); len(v.Clusters) != 1 || v.Clusters[0].Endpoints[1].Labels["version"] != "v2" || v.Routes[1].Action != "one/blue" {
			t.Errorf("%+v", v)
		}
	})
}
