package linesim

import "maps"

// The limits of actions (Messaging API reference, "Action objects"; messaging-api.yml). Labels and texts of
// actions count in graphemes.
const (
	maxActionText   = 300
	maxPostbackData = 300
	maxURI          = 1000
	maxClipboard    = 1000
	maxAlias        = 32

	maxLabel      = 20 // templates, quick replies and rich menus
	maxImageLabel = 12 // columns of an image carousel
	maxFlexLabel  = 40
)

// actionURI is the rule of an address that a tap opens.
func actionURI() rule { return urlRule(maxURI, "http://", "https://", "line://", "tel:") }

// actionTypes are the rules of actions whose labels follow the given rule.
func actionTypes(label field) map[string]rule {
	text, data := graphemes(maxActionText), units(maxPostbackData)
	return map[string]rule{
		"message": object(label, must("text", text)),
		"postback": object(label, must("data", data), may("displayText", text), may("text", text), may("fillInText", text),
			may("inputOption", oneOf("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice"))),
		"uri":            object(label, must("uri", actionURI()), may("altUri", object(may("desktop", units(maxURI))))),
		"datetimepicker": object(label, must("data", data), must("mode", oneOf("date", "time", "datetime"))),
		"clipboard":      object(label, must("clipboardText", units(maxClipboard))),
	}
}

// buttonAction is the rule of an action behind something to tap in a message.
func buttonAction(label field) rule { return byType(actionTypes(label)) }

// labelled is the field of a label that has to be there.
func labelled(most int) field { return must("label", graphemes(most)) }

// quickReplyAction is the rule of an action of a quick reply, where the camera and the map can be opened too.
func quickReplyAction() rule {
	types := actionTypes(labelled(maxLabel))
	for _, name := range []string{"camera", "cameraRoll", "location"} {
		types[name] = object(labelled(maxLabel))
	}
	return byType(types)
}

// menuActionRule is the rule of an action of a rich menu, which can open another one.
func menuActionRule() rule {
	types := maps.Clone(actionTypes(may("label", graphemes(maxLabel))))
	types["richmenuswitch"] = object(
		may("label", graphemes(maxLabel)), must("richMenuAliasId", units(maxAlias)), must("data", units(maxPostbackData)),
	)
	return byType(types)
}
