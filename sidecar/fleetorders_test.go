package sidecar

import (
	"errors"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
	"github.com/heddle-mesh/heddle/governance/topology"
)

// Of two operators who each take away one of the last two replicas at the same time, the later one is told that it is the last.
func TestTheLastTwoReplicasAtOnce(t *testing.T) {
	s := memstore.New()
	defer s.Close()
	views := []topology.View{{DataSource: "ds_0", Primary: "p:1", Members: []topology.Member{
		{Server: topology.Server{Address: "p:1"}, Primary: true, State: topology.Up},
		{Server: topology.Server{Address: "a:1"}, State: topology.Up}, {Server: topology.Server{Address: "b:1"}, State: topology.Up},
	}}}
	refused := errors.New("the last one")
	var together, work sync.WaitGroup // both have seen that the other's is read when they write
	together.Add(2)
	results := make([]error, 2)
	for i, server := range []string{"a:1", "b:1"} {
		var once sync.Once
		work.Go(func() {
			_, results[i] = (&Fleet{store: s}).Take(t.Context(), []Named{{"ds_0", server}}, views, func(o *layout.Order) {
				once.Do(func() { together.Done(); together.Wait() })
				command(o, "ann", false)
			}, func(last []string) error {
				if len(last) != 1 || last[0] != "ds_0" {
					t.Errorf("asked about %v", last)
				}
				return refused
			})
		})
	}
	work.Wait()
	if (results[0] == nil) == (results[1] == nil) || !errors.Is(errors.Join(results...), refused) {
		t.Errorf("%v, %v", results[0], results[1])
	}
	said, err := (&Fleet{store: s}).Orders(t.Context())
	if err != nil || takesAway(said.of("ds_0", "a:1")) == takesAway(said.of("ds_0", "b:1")) {
		t.Errorf("%v, %v", said, err)
	}
}
