// Package distrule says what statements of package distsql make of a rule document, and what they show of one.
//
// It maps ShardingSphere's words to the document's (sphere.go has the algorithms, also for its YAML): a rule that has no equal is refused with error 1235 and the reason,
// and what is done otherwise than there is said in notes. It changes documents in memory only; whoever calls it validates
// them and brings them into force. Level: router.
package distrule
