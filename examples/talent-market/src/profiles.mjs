import profiles from "../data/profiles.json" with { type: "json" };

export const find = (id) => profiles.find((profile) => profile.id === id);

export const having = (skill) => profiles.filter((profile) => skill === null || profile.skills.includes(skill));
