package sharding

// builtin is the list of algorithms.
var builtin = map[string]Factory{
	"hash_slot": newHashSlot,
	"hash_mod":  newHashMod,
	"mod":       newMod,
	"range":     newRange,
	"interval":  newInterval,
	"list":      newList,
	"inline":    newInline,
	"complex":   newComplex,
	"hint":      newHint,
}
