package sharding

import (
	"fmt"
	"strings"
)

// SlotExpression is the SQL that computes Slot on a server, for key columns with these names (as they stand in SQL,
// quoted where they must be) and types. The canonical bytes of each type:
//
//	integers, YEAR      shortest decimal text                    (c+0)
//	DECIMAL             shortest decimal text, '1.50' is 1.5     TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM (c+0)))
//	CHAR, VARCHAR, ENUM the collation's weights, without those   TRIM(TRAILING x'0020' FROM WEIGHT_STRING(c))
//	                    of trailing spaces under PAD SPACE
//	BINARY, VARBINARY   the bytes; BINARY(n) with all its n      c
//	DATE                2006-01-02                               c
//	DATETIME            2006-01-02 15:04:05[.ffffff], without    TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM c))
//	                    trailing zeros of the fraction
//	TIMESTAMP           as DATETIME, in UTC: the session must have time_zone='+00:00'
//	TIME                [-]hh[h]:mm:ss[.ffffff], without trailing zeros of the fraction
//
// It reports false for types that cannot be a sharding key.
func SlotExpression(columns []string, types []KeyType) (string, bool) {
	hash, ok := HashExpression(columns, types)
	return fmt.Sprintf("%s %% %d", hash, SlotCount), ok
}

// HashExpression is the SQL of the CRC32 that Slot takes modulo the slots, and hash_mod modulo the nodes; see SlotExpression.
func HashExpression(columns []string, types []KeyType) (string, bool) {
	parts := make([]string, len(columns))
	for i, c := range columns {
		e, ok := canonicalExpression(c, types[i])
		if !ok {
			return "", false
		}
		parts[i] = e
	}
	if len(parts) == 1 {
		return fmt.Sprintf("IFNULL(CRC32(%s),0)", parts[0]), true
	}
	for i, e := range parts {
		parts[i] = fmt.Sprintf("IFNULL(CONCAT(LENGTH(%s),':',%s),'-')", e, e)
	}
	return fmt.Sprintf("CRC32(CONCAT(%s))", strings.Join(parts, ",")), true
}

// canonicalExpression is the SQL of one column's canonical bytes. c+0 takes the zeros off a ZEROFILL column.
func canonicalExpression(c string, t KeyType) (string, bool) {
	const shortest = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM %s))"
	switch t.Family {
	case FamilyInteger, FamilyYear:
		return "(" + c + "+0)", true
	case FamilyDecimal:
		if t.Scale == 0 {
			return "(" + c + "+0)", true
		}
		return fmt.Sprintf(shortest, "("+c+"+0)"), true
	case FamilyDate, FamilyBinary:
		return c, true
	case FamilyDatetime, FamilyTimestamp, FamilyTime:
		if t.Scale == 0 {
			return c, true
		}
		return fmt.Sprintf(shortest, c), true
	case FamilyString, FamilyEnum:
		return weightExpression(c, t)
	}
	return "", false
}

func weightExpression(c string, t KeyType) (string, bool) {
	coll, ok := collationOf(t.Collation)
	if !ok {
		return "", false
	}
	if t.Family == FamilyEnum {
		c = "CONCAT(" + c + ")"
	}
	switch {
	case !coll.padded:
		return fmt.Sprintf("WEIGHT_STRING(%s)", c), true
	case coll.ascii != nil:
		return fmt.Sprintf("TRIM(TRAILING x'%X' FROM WEIGHT_STRING(%s))", coll.ascii[' '], c), true
	}
	return fmt.Sprintf("TRIM(TRAILING WEIGHT_STRING(CONVERT(' ' USING %s) COLLATE %s) FROM WEIGHT_STRING(%s))", coll.charset, t.Collation, c), true
}
