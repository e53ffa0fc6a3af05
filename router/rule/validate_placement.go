package rule

import (
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/sharding"
)

func (v *validator) defaults() {
	d := v.doc.Defaults
	if d.DataSource != "" {
		v.known("defaults.data_source", d.DataSource)
	}
	v.secret("defaults.password", d.Password)
	if d.Algorithm != nil {
		v.algorithmName("defaults.algorithm", d.Algorithm.Type)
	}
	if g := d.Generator; g != nil {
		if g.Column != "" {
			v.problem("defaults.generator", "the default generator cannot name a column", "write generate: at the table")
		}
		v.generator("defaults.generator", g)
	}
}

func (v *validator) shards() {
	seen, places := map[string]bool{}, map[string]string{}
	for _, s := range v.doc.Shards {
		path := "shards." + s.Name
		v.word(path, "shard", s.Name)
		if seen[s.Name] {
			v.problem(path, fmt.Sprintf("shard %q is declared twice", s.Name), "")
		}
		seen[s.Name] = true
		if !v.known(path, s.DataSource) {
			continue
		}
		place := s.DataSource
		if s.Suffix != nil {
			place = fmt.Sprintf("%s with suffix %d", s.DataSource, *s.Suffix)
		}
		if other, dup := places[place]; dup {
			v.problem(path, fmt.Sprintf("it is where shard %q is: %s", other, place), "give them different suffixes")
		}
		places[place] = s.Name
	}
}

func (v *validator) slots() {
	if len(v.doc.Slots) == 0 {
		return
	}
	shards := map[string]bool{}
	for _, s := range v.doc.Shards {
		shards[s.Name] = true
	}
	var owner [sharding.SlotCount]string
	for _, a := range v.doc.Slots {
		path := "slots." + a.Shard
		if len(v.doc.Shards) == 0 {
			v.known(path, a.Shard)
		} else if !shards[a.Shard] {
			v.problem(path, fmt.Sprintf("unknown shard %q", a.Shard), "declare it under shards")
		}
		for _, r := range a.Ranges {
			v.slotRange(path, a.Shard, r, &owner)
		}
	}
	if missing := missingSlots(&owner); missing != "" {
		v.problem("slots", "nobody has the slots "+missing, fmt.Sprintf("every slot from 0 to %d belongs to one shard", sharding.SlotCount-1))
	}
}

// slotRange gives the slots of r to shard, reporting what another one has.
func (v *validator) slotRange(path, shard string, r SlotRange, owner *[sharding.SlotCount]string) {
	if r.First < 0 || r.Last >= sharding.SlotCount || r.First > r.Last {
		v.problem(path, fmt.Sprintf("%d-%d is no range of slots", r.First, r.Last), fmt.Sprintf("slots are 0 to %d", sharding.SlotCount-1))
		return
	}
	for s := r.First; s <= r.Last; s++ {
		if owner[s] == "" {
			owner[s] = shard
			continue
		}
		other, last := owner[s], s
		for last < r.Last && owner[last+1] == other {
			last++
		}
		v.problem(path, fmt.Sprintf("the slots %d-%d are also given to %q", s, last, other), "")
		s = last
	}
}

// missingSlots writes out the ranges nobody has.
func missingSlots(owner *[sharding.SlotCount]string) string {
	var parts []string
	for s := 0; s < len(owner); s++ {
		if owner[s] != "" {
			continue
		}
		last := s
		for last+1 < len(owner) && owner[last+1] == "" {
			last++
		}
		parts = append(parts, fmt.Sprintf("%d-%d", s, last))
		s = last
	}
	return strings.Join(parts, ", ")
}

func (v *validator) algorithmName(path, typ string) bool {
	for _, t := range sharding.Types() {
		if t == typ {
			return true
		}
	}
	v.problem(path, fmt.Sprintf("unknown algorithm %q", typ), "known: "+strings.Join(sharding.Types(), ", "))
	return false
}

func (v *validator) generator(path string, g *Generator) {
	if g.Type == "" {
		return
	}
	if err := keygen.Check(g.Type, g.Properties); err != nil {
		v.problem(path, err.Error(), "")
	}
}
