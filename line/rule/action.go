package rule

import "maps"

// The limits of actions (Messaging API reference, "Action objects"; messaging-api.yml). Labels and texts of
// actions count in graphemes.
const (
	maxActionText   = 300
	maxPostbackData = 300
	maxURI          = 1000
	maxClipboard    = 1000
	MaxAlias        = 32

	maxLabel      = 20 // templates, quick replies and rich menus
	maxImageLabel = 12 // columns of an image carousel
	maxFlexLabel  = 40
)

// actionURI is the rule of an address that a tap opens.
func actionURI() Rule { return urlRule(maxURI, "http://", "https://", "line://", "tel:") }

// actionTypes are the rules of actions whose labels follow the given rule.
func actionTypes(label Field) map[string]Rule {
	text, data := Graphemes(maxActionText), Units(maxPostbackData)
	return map[string]Rule{
		"message": Object(label, Must("text", text)),
		"postback": Object(label, Must("data", data), May("displayText", text), May("text", text), May("fillInText", text),
			May("inputOption", OneOf("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice"))),
		"uri":            Object(label, Must("uri", actionURI()), May("altUri", Object(May("desktop", Units(maxURI))))),
		"datetimepicker": Object(label, Must("data", data), Must("mode", OneOf("date", "time", "datetime"))),
		"clipboard":      Object(label, Must("clipboardText", Units(maxClipboard))),
	}
}

// buttonAction is the rule of an action behind something to tap in a message.
func buttonAction(label Field) Rule { return ByType(actionTypes(label)) }

// labelled is the field of a label that has to be there.
func labelled(most int) Field { return Must("label", Graphemes(most)) }

// quickReplyAction is the rule of an action of a quick reply, where the camera and the map can be opened too.
func quickReplyAction() Rule {
	types := actionTypes(labelled(maxLabel))
	for _, name := range []string{"camera", "cameraRoll", "location"} {
		types[name] = Object(labelled(maxLabel))
	}
	return ByType(types)
}

// MenuAction is the rule of an action of a rich menu, which can open another one.
func MenuAction() Rule {
	types := maps.Clone(actionTypes(May("label", Graphemes(maxLabel))))
	types["richmenuswitch"] = Object(
		May("label", Graphemes(maxLabel)), Must("richMenuAliasId", Units(MaxAlias)), Must("data", Units(maxPostbackData)),
	)
	return ByType(types)
}
