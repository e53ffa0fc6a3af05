package reload

import (
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// canary has some instances run version n beside the one in force.
func (r *rig) canary(p layout.Pointer, n int64, text string, c *layout.Canary) layout.Pointer {
	r.t.Helper()
	r.serial++
	doc := layout.Document{Kind: layout.Rules, Name: "shop"}
	p.Serial = r.serial
	if p.Canary = c; c != nil {
		c.Version = n
	}
	vd, err := layout.Version{Number: n, Author: "ann", Text: text}.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	pd, err := p.Encode()
	if err == nil {
		err = store.Write(r.t.Context(), r.writer, store.Put(doc.Version(n), vd), store.Put(doc.Active(), pd))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// TestCanaryRunsWhereItIsMeant: the instance that is named runs the canary, also after a restart, before it has asked the store, and
// goes back or on with all others; the others build nothing anew.
func TestCanaryRunsWhereItIsMeant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		path := filepath.Join(t.TempDir(), "rules")
		p := r.put("shop", 1, "1one", 0)
		built := 0
		other, err := New(Config[string]{Store: r.srv.Client(), Kind: layout.Rules, Instance: "j", Labels: map[string]string{"zone": "z"}, Alarm: r.alarm, Now: r.follower(r.srv.Client(), "").cfg.Now,
			Build: func(docs map[string]Document) (string, error) { built++; return build(docs) }})
		if err != nil {
			t.Fatal(err)
		}
		f := r.follower(r.srv.Client(), path)
		stop, stopOther := r.run(f), r.run(other)
		r.want(f, "shop=1one")
		r.want(other, "shop=1one")
		before := built

		p = r.canary(p, 2, "1two", &layout.Canary{Instances: []string{"i"}})
		r.want(f, "shop=1two")
		r.want(other, "shop=1one")
		if built != before {
			t.Errorf("an instance that runs what it ran has built it %d times", built-before)
		}
		if s := f.Status().Documents["shop"]; s.Version != 2 || s.Serial != p.Serial {
			t.Errorf("the status of who tries it: %+v", s)
		}
		if s := other.Status().Documents["shop"]; s.Version != 1 || s.Serial != p.Serial {
			t.Errorf("the status of who does not: %+v", s)
		}
		stop()
		f = r.follower(r.srv.Client(), path)
		f.Load()
		r.want(f, "shop=1two")
		stop = r.run(f)
		r.want(f, "shop=1two")

		p = r.canary(p, 2, "1two", nil) // aborted
		r.want(f, "shop=1one")
		p = r.canary(p, 3, "1three", &layout.Canary{Label: "zone=z"})
		r.want(f, "shop=1one")
		r.want(other, "shop=1three")
		p = r.canary(p, 4, "1bad", &layout.Canary{Instances: []string{"i"}})
		r.want(f, "shop=1one", Invalid)
		r.want(other, "shop=1one")
		if s := f.Status().Documents["shop"]; s.Refused != 4 || s.Version != 1 {
			t.Errorf("the status of who cannot: %+v", s)
		}
		p.Version = 3
		r.canary(p, 3, "1three", nil) // promoted
		r.want(f, "shop=1three")
		r.want(other, "shop=1three")
		synctest.Wait()
		stop()
		stopOther()
	})
}
