package worker

import (
	"strconv"
	"strings"
)

// minSecret is the length from which a variable is searched for a secret:
// shorter ones would take variables away by chance.
const minSecret = 8

// environ returns the variables that a process may know. It is what a bot's
// author would find in a shell, without what is Frontdesk's: a list of what may
// pass would have to name every variable of every bot.
func environ(all, secrets []string, number int) []string {
	kept := []string{"FRONTDESK_WORKER=" + strconv.Itoa(number)}
	for _, pair := range all {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "FRONTDESK_") && !strings.HasPrefix(name, "LINE_") && !holds(value, secrets) {
			kept = append(kept, pair)
		}
	}
	return kept
}

func holds(value string, secrets []string) bool {
	for _, secret := range secrets {
		if len(secret) >= minSecret && strings.Contains(value, secret) {
			return true
		}
	}
	return false
}
