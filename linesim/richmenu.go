package linesim

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

const (
	// maxMenus is how many rich menus a channel may have (Messaging API reference, "Create rich menu").
	maxMenus = 1000
	// maxMenuImage is the size of a rich menu's picture in bytes.
	maxMenuImage = 1 << 20
	// maxMenuName and maxChatBarText count in graphemes.
	maxMenuName    = 300
	maxChatBarText = 14
	maxMenuAreas   = 20
	// menuBatches is how many batches are remembered for their progress; the oldest leave.
	menuBatches = 1000
)

// menu is a rich menu.
type menu struct {
	ID          string          `json:"richMenuId"`
	Size        json.RawMessage `json:"size"`
	Selected    bool            `json:"selected"`
	Name        string          `json:"name"`
	ChatBarText string          `json:"chatBarText"`
	Areas       json.RawMessage `json:"areas"`
	image       []byte
	imageType   string
}

// menuAlias is a second name of a rich menu.
type menuAlias struct {
	AliasID string `json:"richMenuAliasId"`
	MenuID  string `json:"richMenuId"`
}

// menus holds the rich menus; Simulator.mu guards it.
type menus struct {
	byID      map[string]*menu
	order     []*menu
	aliases   []menuAlias // sorted by name
	defaultID string
	batches   recent[time.Time] // when they were accepted
}

func newMenus() menus {
	return menus{byID: make(map[string]*menu), batches: newRecent[time.Time](menuBatches)}
}

// menuRule is the rule of a rich menu (Messaging API reference, "Rich menu object").
func (ck checker) menuRule() rule.Rule {
	length := rule.Integer(1, math.MaxInt32)
	place := rule.Integer(0, math.MaxInt32)
	return rule.Object(
		rule.Must("size", rule.Object(rule.Must("width", length), rule.Must("height", length))),
		rule.Must("selected", nil), rule.Must("name", rule.Graphemes(maxMenuName)), rule.Must("chatBarText", rule.Graphemes(maxChatBarText)),
		rule.Must("areas", rule.List(0, maxMenuAreas, rule.Object(
			rule.Must("bounds", rule.Object(rule.Must("x", place), rule.Must("y", place), rule.Must("width", length), rule.Must("height", length))),
			rule.Must("action", ck.action),
		))),
	)
}

// remove forgets a rich menu, and its aliases and the default with it.
func (ms *menus) remove(m *menu) {
	delete(ms.byID, m.ID)
	ms.order = slices.DeleteFunc(ms.order, func(o *menu) bool { return o == m })
	ms.aliases = slices.DeleteFunc(ms.aliases, func(a menuAlias) bool { return a.MenuID == m.ID })
	if ms.defaultID == m.ID {
		ms.defaultID = ""
	}
}

// alias returns the place of an alias, and whether it is there.
func (ms *menus) alias(id string) (int, bool) {
	return slices.BinarySearchFunc(ms.aliases, id, func(a menuAlias, id string) int {
		switch {
		case a.AliasID < id:
			return -1
		case a.AliasID > id:
			return 1
		}
		return 0
	})
}

// linkMenuLocked sets or, with "", removes the rich menu of a user.
func (s *Simulator) linkMenuLocked(a *account, menuID string) {
	if a.RichMenuID != menuID {
		a.RichMenuID = menuID
		s.publishLocked(streamUser, a.User)
	}
}
