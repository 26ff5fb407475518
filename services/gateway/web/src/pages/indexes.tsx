export const Indexes = () => null;
