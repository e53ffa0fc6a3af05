package rpc

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// What the log is to have of calls beside is told of calls by every protocol.
func TestToldOfCalls(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		addr, s, w := d.proxied(t, nil, "clusters: {one: {PROTOCOL, endpoints: [%q]}}\nroutes: [{to: one}]\n", d.serve(t, well))
		settings := testSettings
		settings.Silence, settings.HeadTimeout = time.Minute, time.Minute
		settings.Colour, settings.Tell = "x-colour", []string{"trace", "protocol", "colour", "header:tenant", "header:none"}
		s.Set(settings)
		const id = "0af7651916cd43dd8448eb211c80319c"
		call := d.dial(t, addr)
		call("stock", time.Minute, traceKey(d), "00-"+id+"-b7ad6b7169203331-01", "x-colour", "blue", "tenant", strings.Repeat("a", 300))
		w.nth(t, 1) // the next one may come by another connection
		call("stock", time.Minute)
		for n, want := range []map[string]string{
			{"trace": id, "protocol": d.protocol, "colour": "blue", "header:tenant": strings.Repeat("a", maxTold)}, {"protocol": d.protocol},
		} {
			got := map[string]string{}
			for _, is := range w.nth(t, n+1).Told {
				got[is.Name] = is.Value
			}
			if !maps.Equal(got, want) {
				t.Errorf("call %d is told as %v, not %v", n+1, got, want)
			}
		}
	})
}
