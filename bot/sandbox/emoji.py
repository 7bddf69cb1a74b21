"""The names a reaction can have: GitLab refuses any other (lib/gitlab/emoji_name_validator.rb).

GitLab knows some 3,500 (those of the gemoji set); these are the ones people react with.
"""

ALIASES = {"+1": "thumbsup", "-1": "thumbsdown"}
GEMOJI = """
100 alarm_clock ambulance arrow_down arrow_right arrow_up arrows_counterclockwise astonished balloon beers bell
blush bomb book boom bow broken_heart bug bulb cake calendar checkered_flag clap cloud coffee confetti_ball
confounded confused construction cop cry crown dancer dart disappointed dog door exclamation expressionless
eyeglasses eyes fearful fire fireworks fist flushed gear gem ghost gift grey_exclamation grey_question grimacing
grin grinning hammer heart heart_eyes heavy_check_mark heavy_minus_sign heavy_multiplication_x heavy_plus_sign
hourglass hourglass_flowing_sand innocent joy key kiss label laughing link lock lollipop loudspeaker mag mag_right
mega memo metal microscope monkey_face moneybag muscle neutral_face no_entry no_entry_sign no_good notebook ocean
ok ok_hand open_mouth package page_facing_up paperclip pensive point_down point_left point_right point_up poop pray
pushpin question rage rainbow raised_hand raised_hands recycle relaxed relieved repeat rocket rose rotating_light
santa scream see_no_evil seedling ship skull sleeping sleepy smile smiley smirk snail snowflake sob sos sparkles
speak_no_evil speech_balloon star star2 strawberry stuck_out_tongue sunglasses sunny sweat sweat_smile tada
telescope thought_balloon thumbsdown thumbsup toilet traffic_light trophy turtle umbrella unamused unlock v
vertical_traffic_light warning watch wave weary white_check_mark wink worried wrench x yum zap zzz
"""
NAMES = frozenset(GEMOJI.split())


def known(name: str) -> str | None:
    """The emoji's own name, None where there is no such emoji."""
    name = ALIASES.get(name, name)
    return name if name in NAMES else None
