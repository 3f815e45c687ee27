"""Noise as real descriptions have it: what scanning, typing and copying do to a text, and what clerks put around it."""

# Characters that scanning or typing takes for each other; every pair works both ways.
CONFUSED = (
    "未末 己已 人入 日曰 士土 千干 天夭 目日 测侧 维唯 护沪 技枝 术木 项顶 备各 设没 采釆 网冈 口囗 服眼 平乎 "
    "工土 大太 机枸 检捡 修俢 养羊 帐账 制治 系糸 统绕 运云 营萤 管菅 理埋 信佶 息恩 数敷 据椐 处外 客容 呼乎 叫叶 "
    "座坐 席度 记计 录绿 标际 注住 审宙 核该 财材 务各 税悦 资货 产严 评坪 估佑 咨资 询徇 研硏 究宄 发友 开幵 软轶 "
    "件仵 嵌钳 电屯 路跆 芯心 片斤 版板 模摸 拟似 仿访 验脸 试式 分份 析折 专传 利刊 商啇 册删 代伐 申甲 请清 "
    "合台 同回 文丈 字宇 图囹 像象 视祝 频濒 音意 动幼 画面 游遊 戏戎 广厂 告吿 宣宜 推椎 传转 直真 播潘 店占 铺辅"
).split()
PARTNERS = {}
for one, other in CONFUSED:
    PARTNERS.setdefault(one, []).append(other)
    PARTNERS.setdefault(other, []).append(one)

MARKS = set("，。、；：（）“”《》,.;:()[]【】-—/")

BEFORE = ["", "", "", "某市", "XX公司", "XX集团有限公司", "2025年度", "2026年", "关于", "某省分公司2024年", "【重新招标】", "合同编号HT-2025-0117 ", "一、项目名称:", "标段二 "]
AFTER = ["", "", "", "项目", "采购项目", "招标公告", "服务合同", "竞争性磋商公告", "(二次)", "询价采购公告", "项目中标结果公示", ",预算28.6万元", "(2025-2026年)", ",含税"]

# What stands around the point of a contract; written for this purpose.
AROUND = [
    "合同签订后十五日内支付三成预付款,其余验收合格后付清。",
    "乙方应具备独立法人资格,近三年无重大违法记录。",
    "服务期自签约之日起十二个月,期满双方无异议可续签一次。",
    "任何一方违约,应向守约方支付合同总价一成的违约金。",
    "双方对在合作中知悉的商业秘密负有保密义务,期限三年。",
    "争议协商不成的,提交甲方所在地人民法院解决。",
    "投标文件须密封,逾期送达的不予受理。",
    "本项目不接受联合体投标,不得转包。",
    "报价含人工、差旅、税金等一切费用,甲方不再另行支付。",
    "验收由甲方组织,以双方签署的验收单为准。",
    "乙方须指定一名项目负责人,更换须经甲方书面同意。",
    "因不可抗力不能履行的,应在三日内通知对方并提供证明。",
    "本合同一式四份,双方各执两份,签字盖章后生效。",
    "评标采用综合评分法,价格三十分,技术五十分,商务二十分。",
    "乙方开具增值税专用发票,甲方在收到发票后三十日内付款。",
    "资金来源为财政资金,已落实。",
    "履约保证金为合同价的百分之五,期满无息退还。",
    "考核得分低于八十分的,扣减当期费用的百分之十。",
]


def scratch(text, rng, share):
    """A share of the characters confused, lost, doubled or swapped; of the marks, more are lost."""
    out, at = [], 0
    while at < len(text):
        character = text[at]
        dice = rng.random()
        if character in MARKS and rng.random() < 4 * share:
            pass
        elif dice >= share or character.isascii():
            out.append(character)
        elif character in PARTNERS and rng.random() < 0.6:
            out.append(rng.choice(PARTNERS[character]))
        elif dice < share * 0.5:
            pass
        elif dice < share * 0.7:
            out += [character, character]
        elif at + 1 < len(text):
            out += [text[at + 1], character]
            at += 1
        at += 1
    return "".join(out) if len(out) >= 4 else text


def surround(text, rng):
    """A short text between what titles have around them; a longer one between clauses that say nothing of the service."""
    if len(text) < 60:
        return rng.choice(BEFORE) + text + rng.choice(AFTER)
    before, after = rng.sample(AROUND, 2), rng.sample(AROUND, 2)
    return "".join(before[: rng.randrange(3)]) + text + "".join(after[: rng.randrange(3)])


def noisy(text, rng):
    """A text as it might have come: most often as it is."""
    if rng.random() < 0.3:
        text = surround(text, rng)
    if rng.random() < 0.15:
        text = scratch(text, rng, rng.choice((0.02, 0.05, 0.1)))
    if rng.random() < 0.05:
        text = "".join(character for character in text if character not in MARKS)
    return text
